"""Check the sample company: documents, recorded answers and invented data.

Only the standard library is used. Exit status 0: all is well; 1: each fault
is printed on its own line.

    python examples/armorique/check.py
"""

from __future__ import annotations

import csv
import html
import json
import re
import sys
import zipfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCUMENTS = HERE / "documents"
LABELS = ("public", "internal", "confidential", "restricted")
KINDS = ("fact", "how-to", "comparison", "multi-document", "calculation", "unanswerable")
FIELDS = [
    "id", "question", "language", "answer", "sources", "label", "kind", "must_contain",
]  # fmt: skip
LEAST = {"public": 42, "internal": 12, "confidential": 8, "restricted": 5}
PROSE = {".md", ".txt", ".html"}

faults: list[str] = []


def expect(condition: object, message: str) -> None:
    if not condition:
        faults.append(message)


def pdf_text(data: bytes) -> str:
    """The text of an uncompressed PDF in the WinAnsi encoding, as ours is."""

    def octal(match: re.Match[bytes]) -> bytes:
        code = match.group(1)
        return bytes([int(code, 8)]) if code.isdigit() else code

    pieces = re.findall(rb"\(((?:\\.|[^\\()])*)\) Tj", data, re.DOTALL)
    plain = b" ".join(re.sub(rb"\\([0-7]{3}|.)", octal, piece) for piece in pieces)
    return plain.decode("cp1252")


def read(path: Path) -> str:
    if path.suffix == ".pdf":
        text = pdf_text(path.read_bytes())
    elif path.suffix == ".docx":
        with zipfile.ZipFile(path) as archive:
            body = archive.read("word/document.xml").decode("utf-8")
        text = html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"</w:p>", "\n", body)))
    else:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            text = html.unescape(re.sub(r"<[^>]+>", " ", text))
    return text if path.suffix == ".md" else re.sub(r"[ \t]+", " ", text)


def check_documents(texts: dict[str, str]) -> None:
    labels = Counter(name.split("/")[0] for name in texts)
    expect(set(labels) == set(LABELS), f"unexpected folders: {sorted(labels)}")
    expect(len(texts) >= 66, f"only {len(texts)} documents")
    for label, least in LEAST.items():
        expect(labels[label] >= least, f"{label}: {labels[label]} documents, {least} wanted")
    kinds = Counter(Path(name).suffix for name in texts)
    for suffix, count in {".html": 3, ".txt": 2, ".csv": 2, ".jsonl": 1, ".pdf": 1, ".docx": 1}.items():
        expect(kinds[suffix] >= count, f"{kinds[suffix]} {suffix} files, {count} wanted")

    for name, text in texts.items():
        path = Path(name)
        expect(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", path.stem), f"{name}: not kebab-case")
        if path.suffix == ".md":
            expect(text.startswith("# "), f"{name}: no title")
            expect(text.count("\n# ") == 0, f"{name}: two titles")
        if path.suffix in PROSE:
            words = len(re.findall(r"\w+", text))
            expect(150 <= words <= 600, f"{name}: {words} words")
        for number in re.findall(r"\b0[1-9](?: \d\d){4}\b", text):
            expect(number.startswith(("02 61 91", "06 39 98")), f"{name}: telephone {number}")
        for host in re.findall(r"(?:@|https?://|www\.)([a-z0-9.-]+[a-z0-9])", text):
            known = host.endswith(".example") or host == "192.168.10.1"
            expect(known or "." not in host, f"{name}: host {host}")
        expect("\u00a0" not in text and "\u202f" not in text, f"{name}: hard spaces")


def check_customers() -> None:
    with (DOCUMENTS / "restricted" / "customers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    expect(len(rows) == 40, f"customers.csv: {len(rows)} rows")
    for column in ("numero_client", "telephone", "courriel", "iban"):
        expect(len({row[column] for row in rows}) == len(rows), f"customers.csv: {column} repeated")
    for row in rows:
        number = row["numero_client"]
        expect(re.fullmatch(r"AT-\d{6}", number), f"customers.csv: {number}")
        iban = row["iban"].replace(" ", "")
        expect(iban.startswith("FR7699999") and len(iban) == 27, f"{number}: IBAN shape")
        # FR76 moved to the end, with F as 15 and R as 27, must leave 1 modulo 97.
        expect(int(iban[4:] + "1527" + iban[2:4]) % 97 == 1, f"{number}: IBAN check digits")


def check_lines() -> None:
    entries = [json.loads(line) for line in (DOCUMENTS / "public/fr/faq.jsonl").open(encoding="utf-8")]
    expect(len(entries) >= 12, f"faq.jsonl: {len(entries)} lines")
    expect(all(set(e) == {"id", "title", "text", "language"} for e in entries), "faq.jsonl: fields")
    expect(len({e["id"] for e in entries}) == len(entries), "faq.jsonl: repeated id")


def check_teacher(texts: dict[str, str]) -> Counter[str]:
    lines = (HERE / "teacher.jsonl").read_text(encoding="utf-8").splitlines()
    answers = [json.loads(line) for line in lines]
    expect(len(answers) == 200, f"teacher.jsonl: {len(answers)} lines")
    for column in ("id", "question"):
        values = Counter(answer[column].lower() for answer in answers)
        repeated = [value for value, count in values.items() if count > 1]
        expect(not repeated, f"teacher.jsonl: repeated {column} {repeated}")
    for answer in answers:
        name, wanted = answer["id"], answer["must_contain"]
        expect(list(answer) == FIELDS, f"{name}: fields {list(answer)}")
        expect(re.fullmatch(r"q\d{3}", name), f"{name}: id")
        expect(answer["language"] in ("fr", "en"), f"{name}: language")
        expect(answer["kind"] in KINDS, f"{name}: kind {answer['kind']}")
        expect(answer["sources"], f"{name}: no source")
        missing = [source for source in answer["sources"] if source not in texts]
        expect(not missing, f"{name}: no document {missing}")
        if missing:
            continue
        highest = max((LABELS.index(s.split("/")[0]) for s in answer["sources"]), default=0)
        expect(answer["label"] == LABELS[highest], f"{name}: label {answer['label']}")
        unanswerable = answer["kind"] == "unanswerable"
        expect(unanswerable == (not wanted), f"{name}: must_contain {wanted}")
        for piece in wanted:
            expect(piece in answer["answer"], f"{name}: answer lacks {piece!r}")
            if answer["kind"] == "fact":
                found = any(piece in texts[source] for source in answer["sources"])
                expect(found, f"{name}: no source holds {piece!r}")
    languages = Counter(answer["language"] for answer in answers)
    expect(languages["fr"] >= 115 and languages["en"] >= 65, f"languages: {dict(languages)}")
    return Counter(answer["kind"] for answer in answers)


SUITES = {"extraction": 40, "translation": 30, "summary": 20, "rewriting": 20, "dialogue": 20}
EXTRACTED = {"client", "phone", "product", "request", "date", "amount_eur", "ticket"}


def check_suites(texts: dict[str, str]) -> int:
    """The suites of cases: theirs is what the facts and the documents say."""
    import make_suites

    count = 0
    for file, made in make_suites.cases().items():
        written = (make_suites.SUPPORT / file).read_text(encoding="utf-8")
        expect(written == made, f"suites/support/{file}: not what make_suites.py makes")
        count += made.count("\n")
    asked = [entry["question"].lower() for entry in make_suites.lines(HERE / "paraphrases.jsonl")]
    asked += [answer["question"].lower() for answer in make_suites.lines(HERE / "teacher.jsonl")]
    expect(len(set(asked)) == len(asked), "paraphrases.jsonl: a question is repeated")
    for name, wanted in SUITES.items():
        cases = make_suites.lines(HERE / "suites" / name / "cases.jsonl")
        expect(len(cases) == wanted, f"suites/{name}: {len(cases)} cases")
        expect(len({case["id"] for case in cases}) == len(cases), f"suites/{name}: repeated id")
        for case in cases:
            check_case(case, f"suites/{name}: {case['id']}", texts)
        count += len(cases)
    return count


def check_case(case: dict, where: str, texts: dict[str, str]) -> None:
    asked = case.get("input") or " ".join(turn["content"] for turn in case["messages"])
    answers = case.get("references") or [case["reference"]]
    for text in (asked, *(answer for answer in answers if isinstance(answer, str))):
        for number in re.findall(r"\b0[1-9](?: \d\d){4}\b", text):
            expect(number.startswith(("02 61 91", "06 39 98")), f"{where}: telephone {number}")
        expect("\u00a0" not in text and "\u202f" not in text, f"{where}: hard spaces")
        typed = not re.search(r" [,.)]|  |\( ", text)
        expect(typed and text == text.strip(), f"{where}: spaces")
    for source in case.get("relevant", []):
        expect(source in texts, f"{where}: no document {source}")
    for piece in case.get("must_contain", []):
        expect(all(piece in answer for answer in answers), f"{where}: reference lacks {piece!r}")
    for answer in answers:
        if isinstance(answer, dict):
            check_extracted(answer, asked, where)


def check_extracted(fields: dict, text: str, where: str) -> None:
    """What is to be extracted stands in the message; dates and sums are written as people write them."""
    expect(set(fields) == EXTRACTED, f"{where}: fields {sorted(fields)}")
    for name in ("client", "phone", "ticket"):
        expect(fields[name] is None or fields[name] in text, f"{where}: {name} is not in the message")
    for name, shape in (("client", r"AT-\d{6}"), ("ticket", r"T-26-\d{6}"), ("phone", r"0\d(?: \d\d){4}")):
        found = re.findall(rf"\b{shape}\b", text)
        expect(([fields[name]] if fields[name] else []) == found, f"{where}: {name} should be {found}")
    if fields["amount_eur"] is not None:
        written = f"{fields['amount_eur']:g}"
        expect(written in text or written.replace(".", ",") in text, f"{where}: {written} is not in the message")
    if fields["date"] is not None:
        year, _, day = fields["date"].split("-")
        expect(year in text and re.search(rf"\b{int(day)}(?:er)? \w+ {year}", text), f"{where}: the date")


def main() -> int:
    paths = sorted(path for path in DOCUMENTS.rglob("*") if path.is_file())
    texts = {path.relative_to(DOCUMENTS).as_posix(): read(path) for path in paths}
    check_documents(texts)
    check_customers()
    check_lines()
    kinds = check_teacher(texts)
    cases = check_suites(texts)
    for fault in faults:
        print(fault)
    per_label = Counter(name.split("/")[0] for name in texts)
    print(f"{len(texts)} documents {dict(per_label)}; answers {dict(kinds)}; {cases} cases; {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
