"""Every kind of file, and every way in which one can be bad."""

import json
import re
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from palier.errors import InvalidRequest, TooLarge, Unavailable
from palier.jobs.lane import Lane, Limits
from palier.retrieval import extraction
from palier.retrieval.parsing import KINDS, Fault, Parsed, parse, parse_file
from palier.types import Label

COMPANY = Path(__file__).parents[3] / "examples/armorique/documents"


def one(name, content):
    (document,) = parse(name, content if isinstance(content, bytes) else content.encode())
    assert isinstance(document, Parsed)
    return document


def docx(body):
    """A Word document around `body`, WordprocessingML."""
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    package = "http://schemas.openxmlformats.org/package/2006"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType='
        f'"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="{main}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="a" Type="{relation}" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{word}"><w:body>{body}</w:body></w:document>',
    }
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package_file:
        for name, content in parts.items():
            package_file.writestr(name, content)
    return file.getvalue()


def paragraph(text):
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def pdf(*lines):
    """A PDF of one page with `lines` of text."""
    shown = " ".join(f"({line}) Tj T*" for line in lines)
    content = f"BT /F1 12 Tf 50 780 Td 16 TL {shown} ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(content.encode('cp1252'))} >>\nstream\n{content}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("cp1252")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    end = f"xref\n0 6\n0000000000 65535 f \n{table}trailer << /Size 6 /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF"
    return out + end.encode()


def test_markdown_as_it_is_with_a_title_and_a_language():
    document = one("prix.md", "# Les **prix**\n\nLa fibre coûte 29,99 € par mois, sans engagement.\n")
    assert document.title == "Les prix"
    assert document.language == "fr"
    assert document.text.startswith("# Les **prix**\n\nLa fibre")
    assert (document.label, document.groups) == (None, None)


@pytest.mark.parametrize(
    "matter",
    [
        '---\ntitle: "Note : prix"\nlabel: internal\nlanguage: fr\ngroups: [noc, ventes]\nauthor: Yann\n---\n',
        "---\ntitle: 'Note : prix'\nlabel: internal\nlang: fr\ngroups:\n  - noc\n  - ventes\nauthor: Yann\n---\n",
        '+++\ntitle = "Note : prix"\nlabel = "internal"\nlanguage = "fr"\ngroups = ["noc", "ventes"]\nauthor = "Yann"\n+++\n',
    ],
)
def test_front_matter_says_what_a_file_is(matter):
    document = one("a.md", matter + "# Titre\n\nTexte.\n")
    assert document.title == "Note : prix"
    assert document.label is Label.INTERNAL
    assert document.groups == ("noc", "ventes")
    assert document.language == "fr"
    assert document.metadata == {"author": "Yann"}
    assert document.text == "# Titre\n\nTexte.\n"


def test_a_rule_is_no_front_matter_and_a_wrong_label_is_an_error():
    assert one("a.md", "---\n\nTexte\n\n---\n\nSuite\n").text.startswith("---\n\nTexte")
    with pytest.raises(InvalidRequest, match="label 'secret'"):
        parse("a.md", b"---\nlabel: secret\n---\nTexte")
    with pytest.raises(InvalidRequest, match="TOML"):
        parse("a.md", b"+++\nlabel = \n+++\nTexte")


def test_a_table_row_carries_its_headers():
    text = one(
        "a.md", "# Codes\n\n| Code | Sens \\| note |\n|---|:--:|\n| K-101 | Pas de réseau |\n| | |\n| K-102 | |\n\nFin."
    ).text
    assert text == "# Codes\n\n- Code: K-101; Sens | note: Pas de réseau\n- Code: K-102\n\nFin."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_csv_as_french_spreadsheets_write_it(encoding):
    content = 'numéro_client;nom;prix\r\nAT-1;Le Gall;29,99\r\nAT-2;"d\'Argoat; Yann";\r\n'
    document = one("clients.csv", content.encode(encoding))
    assert (
        document.text == "- numéro client: AT-1; nom: Le Gall; prix: 29,99\n- numéro client: AT-2; nom: d'Argoat; Yann"
    )
    assert document.title == "clients"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter):
    rows = [["a", "b", "c"], ["1", "2 x", "3"], ["4", "5 y", "6"]]
    text = one("t.csv", "\n".join(delimiter.join(row) for row in rows)).text
    assert text == "- a: 1; b: 2 x; c: 3\n- a: 4; b: 5 y; c: 6"


def test_html_without_its_furniture():
    page = """<html lang="en"><head><title>Codes &amp; lights</title><meta name=description content=Hidden>
    <style>p {color: red}</style></head><body><nav><a href=/>Home</a></nav><script>var x = 1</script>
    <h1>Lights</h1><p>See <a href="http://example.test/x">the page</a>, 3 * 4 = 12!</p>
    <table><tr><th>Colour</th><th>Meaning</th></tr><tr><td>Red</td><td>Down</td></tr></table><footer>Legal</footer></body></html>"""
    document = one("a.html", page)
    assert (document.title, document.language) == ("Codes & lights", "en")
    assert document.text.strip() == "# Lights\n\nSee the page, 3 * 4 = 12!\n\n- Colour: Red; Meaning: Down"


def test_html_in_the_encoding_it_declares():
    page = (
        '<html><head><meta charset="iso-8859-1"><title>Été</title></head><body><p>Déjà prêt à Rennes.</p></body></html>'
    )
    document = one("a.htm", page.encode("latin-1"))
    assert document.title == "Été"
    assert "Déjà prêt" in document.text


def test_pdf_and_docx():
    document = one("a.pdf", pdf("Fibre Goéland", "Le prix est de 29,99 € par mois."))
    assert "29,99 € par mois" in document.text
    assert document.language == "fr"
    assert "été" in one("a.docx", docx(paragraph("Un bel été.") + paragraph("Suite."))).text


def test_running_text_that_a_page_layout_makes_a_table_is_text_again():
    text = one("welcome-guide.pdf", (COMPANY / "public/en/welcome-guide.pdf").read_bytes()).text
    assert "you have 14 days to withdraw without giving a reason" in text
    assert "\\!" not in text


def test_every_document_of_the_sample_company_is_read():
    files = [path for path in COMPANY.rglob("*") if path.suffix in KINDS]
    assert {path.suffix for path in files} >= {".md", ".html", ".pdf", ".docx", ".txt", ".csv", ".jsonl"}
    for path in files:
        for document in parse_file(str(path), 10**7):
            assert isinstance(document, Parsed), (path, document)
            assert document.language in ("fr", "en"), (path, document.language)
            assert document.title


def test_json_lines_with_all_their_fields():
    full = {
        "id": "a",
        "text": "Texte.",
        "title": "T",
        "url": "http://x",
        "language": "fr",
        "label": "public",
        "groups": ["g"],
        "metadata": {"k": 1},
    }
    first, second = parse(
        "d.jsonl", b"\xef\xbb\xbf" + json.dumps(full).encode() + b'\n\n{"id": "b", "text": "The text is here."}\n'
    )
    assert (first.label, first.groups, first.metadata, first.where) == (Label.PUBLIC, ("g",), {"k": 1}, "line 1")
    assert (second.id, second.language, second.label, second.where) == ("b", "en", None, "line 3")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "a"}', "text"),
        ('{"id": 5, "text": "x"}', r"\$.id"),
        ('{"id": "a", "text": "x", "label": "secret"}', r"\$.label"),
        ('{"id": " ", "text": "x"}', "empty"),
        ('{"id": "%s", "text": "x"}' % ("i" * 501), "501"),
        ('{"id": "a", "text": "\\ud800"}', "truncated|surrogate"),
        ("{", "truncated|JSON"),
        ("\x00", "JSON|malformed"),
    ],
)
def test_a_bad_line_is_a_fault_of_its_own(line, said):
    good, bad = parse("d.jsonl", b'{"id": "ok", "text": "x"}\n' + line.encode())
    assert isinstance(good, Parsed)
    assert isinstance(bad, Fault)
    assert bad.where == "line 2"
    assert re.search(said, bad.error), bad.error


def test_an_unknown_field_is_passed_over_and_said():
    (document,) = parse("d.jsonl", b'{"id": "a", "text": "x", "lable": "restricted"}')
    assert document.label is None
    assert "lable" in document.warning
    assert "line 1" in document.warning


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.md", b""),
        ("blank.txt", b" \n\t\n"),
        ("empty.jsonl", b"\n\n"),
        ("empty.csv", b""),
        ("binary.txt", bytes(range(256)) * 50),
        ("nul.md", b"abc\x00def"),
        ("noise.csv", b"\x00\x01\x02;\x03"),
        ("quote.csv", b'a;b\n"never closed;1\n2;3'),
        ("wide.csv", b";".join(b"x" for _ in range(300))),
        ("broken.pdf", b"%PDF-1.4 broken"),
        ("empty.pdf", b""),
        ("scan.pdf", pdf()),
        ("broken.docx", b"PK\x03\x04 not a zip"),
        ("text.docx", b"plain words"),
        ("no-word.docx", docx("")),
        ("bomb.docx", docx(paragraph("a" * 110_000_000))),
        ("empty.html", b"<html><body></body></html>"),
        ("binary.html", b"\x00\x01" * 1000),
        ("program.exe", b"MZ"),
        ("README", b"text"),
    ],
)
def test_what_cannot_be_read_is_an_error_in_words(name, content):
    with pytest.raises((InvalidRequest, TooLarge)) as caught:
        parse(name, content)
    assert caught.value.message
    assert caught.value.status < 500


@pytest.mark.parametrize("content", [b"%PDF-1.4 broken", b""])
def test_why_a_pdf_cannot_be_read_is_said_once(content):
    with pytest.raises(InvalidRequest) as caught:
        parse("broken.pdf", content)
    said = caught.value.message.split(": ")
    assert said[0] == "cannot be read"
    assert len(said) == len(set(said)) > 1


@pytest.mark.parametrize(
    ("said", "once"),
    [
        ("Failed: it is locked: it is locked", "Failed: it is locked"),
        ("Failed: A: B: A: B: A: B", "Failed: A: B"),
        ("Error: Errors: a: a b: ab: b", "Error: Errors: a: a b: ab: b"),
    ],
)
def test_words_are_left_out_where_they_are_the_same_again(said, once):
    assert extraction._said_once(said) == once


def test_a_file_over_the_limit_is_not_read(tmp_path):
    file = tmp_path / "big.txt"
    with file.open("wb") as stream:
        stream.truncate(10**9)
    with pytest.raises(TooLarge, match="1 MB"):
        parse_file(str(file), 2**20)


async def test_a_hostile_file_cannot_hold_or_fill_a_worker(tmp_path):
    """A file that takes too long is stopped by the lane, and the next one is read."""
    slow, good = tmp_path / "slow.html", tmp_path / "good.md"
    slow.write_text("<head" * 100_000)
    good.write_text("# Bon\n\nTexte.")
    lane = Lane("batch", 1, 8, Limits(timeout_s=3, memory_mb=1024))
    try:
        assert await lane.run(parse_file, str(good), 10**7)
        with pytest.raises(Unavailable, match="longer than 3 s"):
            await lane.run(parse_file, str(slow), 10**7)
        (document,) = await lane.run(parse_file, str(good), 10**7)
        assert document.title == "Bon"
    finally:
        await lane.close()
