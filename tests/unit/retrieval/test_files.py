"""What a folder gives: each of its files once, and nothing that is not in it."""

import os

import pytest

from palier.retrieval.files import walk

KINDS = (".md", ".txt")


@pytest.fixture
def root(tmp_path):
    made = tmp_path / "root"
    (made / "z").mkdir(parents=True)
    (made / "a.md").write_text("a")
    (made / "z/deep.md").write_text("deep")
    return made


def given(root):
    found = [file for file in walk(root, KINDS) if not file.passed]
    return [file.id for file in found if not file.error], {file.id: file.error for file in found if file.error}


def test_a_link_that_leads_out_is_refused_and_the_rest_is_given(root, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/page.md").write_text("page")
    (tmp_path / "root-and-more.md").write_text("its path begins with the root's, and is not below it")
    (root / "link.txt").symlink_to(tmp_path / "secret")
    (root / "other").symlink_to(tmp_path / "other")
    (root / "more.md").symlink_to("../root-and-more.md")
    (root / "hop.md").symlink_to("link.txt")
    (root / "up").symlink_to("..")
    (root / "binary").symlink_to(tmp_path / "secret")
    files, errors = given(root)
    assert files == ["a.md", "z/deep.md"]
    assert errors.keys() == {"link.txt", "other", "more.md", "hop.md", "up"}
    assert all("leads out" in error for error in errors.values())


def test_a_link_inside_gives_no_file_twice_and_the_file_keeps_its_own_name(root):
    (root / "0-first.md").symlink_to("z/deep.md")
    (root / "0-folder").symlink_to("z")
    (root / "z/back").symlink_to("..")
    (root / "z/self").symlink_to("self")
    files, errors = given(root)
    assert files == ["a.md", "z/deep.md"]
    assert errors.keys() == {"z/self"}, "a link to itself leads nowhere, and that is said"


def test_a_link_inside_gives_what_has_no_other_name(root):
    """As a mounted volume may be laid out: its visible files are links into a hidden folder."""
    hidden = root / "..2024"
    hidden.mkdir()
    (hidden / "page.md").write_text("page")
    (hidden / "more.md").symlink_to("page.md")
    (root / "..data").symlink_to("..2024")
    (root / "page.md").symlink_to("..data/page.md")
    (root / "same.md").symlink_to("..data/page.md")
    (root / "shown").symlink_to("..2024")
    assert given(root) == (["a.md", "z/deep.md", "page.md"], {})


def test_two_names_of_one_content_are_two_files(root):
    os.link(root / "a.md", root / "b.md")
    assert given(root) == (["a.md", "b.md", "z/deep.md"], {})


def test_a_link_that_was_named_is_followed(root, tmp_path):
    (tmp_path / "to-root").symlink_to(root)
    (tmp_path / "to-file.md").symlink_to(root / "a.md")
    assert given(tmp_path / "to-root") == (["a.md", "z/deep.md"], {})
    assert given(tmp_path / "to-file.md") == (["a.md"], {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("mode", [0o000, 0o400])
def test_a_folder_that_may_not_be_read_is_reported(root, mode):
    (root / "z").chmod(mode)
    try:
        files, errors = given(root)
    finally:
        (root / "z").chmod(0o700)
    assert files == ["a.md"]
    assert errors.keys() == {"z" if mode == 0 else "z/deep.md"}


def test_other_kinds_are_given_as_passed_over(root):
    (root / "sheet.XLSX").write_bytes(b"x")
    (root / "z" / "slides.pptx").write_bytes(b"x")
    passed = [file.path.name for file in walk(root, KINDS) if file.passed]
    assert passed == ["sheet.XLSX", "slides.pptx"]
