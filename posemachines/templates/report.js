"use strict";
window.onerror = (message) => { document.body.dataset.error = message; };
window.onunhandledrejection = (event) => { document.body.dataset.error = event.reason; };
document.documentElement.classList.add("script");

const view = JSON.parse(document.getElementById("viewer-data").textContent);
const form = document.querySelector(".controls");
const SIDE = 300, LARGE_SIDE = 1200;  // longer sides of the canvases, in their own pixels
const SHADOW = "rgb(16 16 18)";
const rgb = (colour) => `rgb(${colour.join(" ")})`;

function loaded(source) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("a picture of the page could not be read"));
    image.src = source;
  });
}

function pixels(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return [canvas, context, context.getImageData(0, 0, canvas.width, canvas.height)];
}

// The photo as it is, and grey and dimmed to lie under an overlay.
function photoPair(image) {
  const [, context, data] = pixels(image);
  const values = data.data;
  for (let i = 0; i < values.length; i += 4) {
    const grey = view.dim * (0.299 * values[i] + 0.587 * values[i + 1] + 0.114 * values[i + 2]);
    values[i] = values[i + 1] = values[i + 2] = grey;
  }
  context.putImageData(data, 0, 0);
  return { plain: image, dim: context.canvas };
}

// One level in 0..255 a part and cell, from the grey picture that holds the maps of all parts below each other.
function levels(image) {
  const [, , data] = pixels(image);
  return Uint8Array.from({ length: data.data.length / 4 }, (_, i) => data.data[4 * i]);
}

function heat(strength) {
  const at = strength * (view.heat.length - 1);
  const low = Math.min(Math.floor(at), view.heat.length - 2);
  return view.heat[low].map((value, channel) => value + (at - low) * (view.heat[low + 1][channel] - value));
}

// The overlay, one pixel a cell: one part as heat, or all parts in the colours of their sides.
function overlay(tile, part) {
  const columns = view.width / view.stride, rows = view.height / view.stride, cells = columns * rows;
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const greatest = Math.max(...tile.peaks) || 1;
  for (let cell = 0; cell < cells; cell++) {
    let strength, colour;
    if (part >= 0) {
      strength = tile.levels[part * cells + cell] / 255;
      colour = heat(strength);
      strength **= view.heatContrast;
    } else {
      let best = 0, value = -1;
      for (let p = 0; p < tile.peaks.length; p++) {
        const belief = tile.levels[p * cells + cell] / 255 * tile.peaks[p];
        if (belief > value) { value = belief; best = p; }
      }
      strength = (value / greatest) ** view.partsContrast;
      colour = view.colours[view.sides[best]];
    }
    image.data.set([...colour, 255 * view.opacity * strength], 4 * cell);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function strokes(context, paint, thickness) {
  context.lineCap = "round";
  for (const [extra, dark] of [[thickness * 0.55, true], [0, false]]) paint(extra, dark);
}

function drawSkeleton(context, joints, thickness, scale, { plain = false, missed = () => false } = {}) {
  const at = (joint) => [(joint[0] + 0.5) * scale, (joint[1] + 0.5) * scale];
  strokes(context, (extra, dark) => {
    for (const [first, second, side] of view.limbs) {
      if (!joints[first] || !joints[second]) continue;
      context.beginPath();
      context.moveTo(...at(joints[first]));
      context.lineTo(...at(joints[second]));
      context.lineWidth = thickness + extra;
      context.setLineDash(plain ? [2 * thickness, 2.2 * thickness] : []);
      context.strokeStyle = dark ? SHADOW : plain ? "white" : rgb(view.colours[side]);
      if (!(plain && dark)) context.stroke();
    }
    context.setLineDash([]);
    if (plain) return;
    joints.forEach((joint, part) => {
      if (joint) mark(context, at(joint), thickness, extra, dark, rgb(view.colours[view.sides[part]]), missed(part));
    });
  }, thickness);
}

// A dot, or a cross for a joint that was missed.
function mark(context, [x, y], thickness, extra, dark, colour, missed) {
  context.beginPath();
  if (missed) {
    const arm = 1.25 * thickness;
    context.moveTo(x - arm, y - arm);
    context.lineTo(x + arm, y + arm);
    context.moveTo(x + arm, y - arm);
    context.lineTo(x - arm, y + arm);
    context.lineWidth = 0.8 * thickness + extra;
    context.strokeStyle = dark ? SHADOW : "white";
    context.stroke();
  } else {
    context.arc(x, y, 0.85 * thickness + extra / 2, 0, 7);
    context.fillStyle = dark ? SHADOW : colour;
    context.fill();
  }
}

function ring(context, joint, thickness, scale) {
  strokes(context, (extra, dark) => {
    context.beginPath();
    context.arc((joint[0] + 0.5) * scale, (joint[1] + 0.5) * scale, 2.1 * thickness, 0, 7);
    context.lineWidth = 0.6 * thickness + extra;
    context.strokeStyle = dark ? SHADOW : "white";
    context.stroke();
  }, thickness);
}

function draw(tile, canvas, side, state) {
  const scale = side / Math.max(view.width, view.height);
  canvas.width = Math.round(view.width * scale);
  canvas.height = Math.round(view.height * scale);
  const context = canvas.getContext("2d");
  const thickness = 5.4 * (side / SIDE) ** 0.7, truth = view.truth[tile.person], isTruth = tile.kind === "truth";
  const heated = state.beliefs && tile.levels;
  context.drawImage(heated ? tile.photo.dim : tile.photo.plain, 0, 0, canvas.width, canvas.height);
  if (heated) context.drawImage(overlay(tile, state.part), 0, 0, canvas.width, canvas.height);
  if (state.part < 0) {
    const missed = (part) => tile.distances && tile.distances[part] !== null && tile.distances[part] > view.found;
    if (isTruth || state.skeleton) drawSkeleton(context, tile.joints, thickness, scale, { missed });
    if (!isTruth && state.truth) drawSkeleton(context, truth, thickness * 0.6, scale, { plain: true });
    return;
  }
  const joint = tile.joints[state.part], colour = rgb(view.colours[view.sides[state.part]]);
  if (truth[state.part]) ring(context, truth[state.part], thickness, scale);
  if (!isTruth && state.skeleton && joint) {
    const place = [(joint[0] + 0.5) * scale, (joint[1] + 0.5) * scale];
    strokes(context, (extra, dark) => mark(context, place, thickness, extra, dark, colour, false), thickness);
  }
}

function caption(tile, part) {
  if (tile.kind === "truth") return "";
  if (part < 0) return tile.counts;
  const distance = tile.distances[part];
  return distance === null ? "not labelled" : `${distance.toFixed(2)} off`;
}

function readState() {
  return {
    part: Number(form.elements.part.value),
    beliefs: form.elements.beliefs.checked,
    skeleton: form.elements.skeleton.checked,
    truth: form.elements.truth.checked,
  };
}

async function readTile(figure, photos) {
  const tile = JSON.parse(figure.querySelector("script").textContent);
  tile.figure = figure;
  tile.kind = figure.dataset.kind;
  tile.name = figure.dataset.name;
  tile.person = Number(figure.dataset.person);
  tile.photo = photos[tile.person];
  tile.counter = figure.querySelector(".count");
  tile.counts = tile.counter ? tile.counter.textContent : "";
  if (tile.maps) tile.levels = levels(await loaded(tile.maps));
  const still = figure.querySelector("img");
  tile.canvas = document.createElement("canvas");
  tile.canvas.setAttribute("role", "button");
  tile.canvas.setAttribute("aria-label", `${still.alt}; enlarge`);
  tile.canvas.tabIndex = 0;
  draw(tile, tile.canvas, SIDE, readState());
  still.replaceWith(tile.canvas);
  return tile;
}

function enlarge(dialog, tile) {
  const state = readState(), part = state.part < 0 ? "" : `, ${form.querySelector("input[name=part]:checked").parentNode.textContent.trim()}`;
  draw(tile, dialog.querySelector("canvas"), LARGE_SIDE, state);
  dialog.querySelector("p").textContent = `Person ${tile.person + 1}, ${tile.name}${part}: ${caption(tile, state.part)}`.replace(/: $/, "");
  dialog.showModal();
}

async function start() {
  const photos = (await Promise.all([...document.querySelectorAll(".photo")].map((photo) => loaded(photo.src)))).map(photoPair);
  const tiles = await Promise.all([...document.querySelectorAll("figure.tile")].map((figure) => readTile(figure, photos)));
  const dialog = document.querySelector("dialog");
  form.addEventListener("input", () => {
    const state = readState();
    for (const tile of tiles) {
      draw(tile, tile.canvas, SIDE, state);
      if (tile.counter) tile.counter.textContent = caption(tile, state.part);
    }
    document.body.dataset.part = state.part;
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const tile of tiles) {
    tile.canvas.addEventListener("click", () => enlarge(dialog, tile));
    tile.canvas.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      enlarge(dialog, tile);
    });
  }
  dialog.addEventListener("click", () => dialog.close());
  document.body.dataset.tiles = tiles.length;
  document.body.dataset.ready = "yes";
}

start();
