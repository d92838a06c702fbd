import pytest

from posemachines._utils.replacing import replacing


def test_a_file_is_replaced_whole(tmp_path):
    file = tmp_path / "new folder" / "file.txt"
    for content in ("old", "new"):
        with replacing(file) as temporary:
            temporary.write_text(content)
        assert file.read_text() == content
    assert [each.name for each in file.parent.iterdir()] == ["file.txt"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file(tmp_path, error):
    file = tmp_path / "file.txt"
    file.write_text("old")

    def write():
        with replacing(file) as temporary:
            temporary.write_text("ne")
            raise error

    with pytest.raises(error):
        write()
    assert file.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["file.txt"]
