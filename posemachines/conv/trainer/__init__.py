"""The training loop of convolutional stages: batches, augmentation, optimiser, log."""
