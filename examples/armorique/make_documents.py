"""Write the two binary documents of the example: one PDF and one DOCX.

They are kept in the project, so this script is needed only to change them.
It wants `reportlab` and `python-docx`; palier itself needs neither of them
for this. Two runs give the same bytes, so that a change shows in a review.

    python examples/armorique/make_documents.py
"""

from __future__ import annotations

import datetime
import io
import zipfile
from pathlib import Path

DOCUMENTS = Path(__file__).resolve().parent / "documents"
PDF = DOCUMENTS / "public" / "en" / "welcome-guide.pdf"
DOCX = DOCUMENTS / "confidential" / "projet-enez-fibre-des-iles.docx"

# Each part is a heading and its paragraphs; a list of lists is a table.
WELCOME = (
    "Welcome guide for newcomers to Brittany",
    [
        (
            "Your first month with Armorique Télécom",
            [
                "Degemer mat, welcome! This guide takes a new customer from the order to the "
                "first invoice. It is for homes; companies should read the Phare Pro page.",
                "Before you order, have ready your address in France, an identity document, an "
                "IBAN from any SEPA country and, if the home already has a fibre socket, its "
                "reference, printed on a label as AR-0000-0000.",
            ],
        ),
        (
            "How long it takes",
            [
                [
                    ["Step", "Delay"],
                    ["Line where a socket exists", "about 8 days"],
                    ["Line where a socket must be fitted", "3 to 6 weeks"],
                    ["SIM card by post", "3 working days"],
                    ["eSIM", "10 minutes"],
                    ["Moving a mobile number", "3 working days"],
                ],
                "While you wait for the fibre, we lend newcomers a Clé Nomade, a 4G key with "
                "50 GB for 30 days. Collect it in one of our six shops; there is a deposit of "
                "40 euros, paid back on return.",
            ],
        ),
        (
            "The technician's visit",
            [
                "Choose a two-hour slot: 8-10, 10-12, 13.30-15.30 or 15.30-17.30. The work takes "
                "two to three hours and an adult must be there. Changing the slot is free up to "
                "2 days before; later it costs 25 euros, and an absence costs 39 euros. If you "
                "rent, ask the owner for written consent before any drilling.",
            ],
        ),
        (
            "The first invoice",
            [
                "It comes on the 5th of the month after activation and looks high: it adds the "
                "days of the first month, the whole next month and the setup fee of 39 euros "
                "(none with Fibre Albatros). From the second invoice on, you pay the price of "
                "your offer.",
            ],
        ),
        (
            "Words you will meet",
            [
                "Espace Client: the customer area on our web site. Box: the router. Prise "
                "optique or PTO: the fibre socket on the wall. Forfait: a mobile plan. "
                "Facture: an invoice. Prélèvement: direct debit. Résiliation: ending a contract. "
                "RIO: the code needed to move a number. Syndic: the manager of a shared building, "
                "whose consent is needed before the first fibre of the building.",
            ],
        ),
        (
            "Speaking English with us",
            [
                "English-speaking advisers answer on 02 61 91 00 10 on weekdays from 9 am to 5 pm. "
                "The shops of Quimper and Brest, and our stall on the Lannion market (Thursdays, "
                "9 am to 1 pm), have staff who speak English. You may also write in English to "
                "aide@armorique.example: the answer comes in English within 48 hours.",
            ],
        ),
        (
            "If you change your mind",
            [
                "If you ordered online or by telephone, you have 14 days to withdraw without "
                "giving a reason. Send the equipment back within 14 days; you are refunded "
                "within 14 days, less the days of service used.",
            ],
        ),
    ],
)

ENEZ = (
    "Projet Enez : la fibre à Groix, Ouessant et Molène",
    [
        (
            "Note au comité de direction, 22 septembre 2026. Confidentiel",
            [
                "Le projet Enez apporte la fibre à trois îles, soit 2 310 prises. Le budget est de "
                "2,84 M€ HT, dont 45 % de subventions (1,278 M€). Le reste à financer par "
                "Armorique Télécom est de 1,562 M€. Chef de projet : Gildas Pennec ; "
                "responsable : Yann Kervella.",
            ],
        ),
        (
            "Les prises et le calendrier",
            [
                [
                    ["Île", "Prises", "Premiers clients"],
                    ["Groix", "1 480", "juin 2027"],
                    ["Ouessant", "640", "octobre 2027"],
                    ["Molène", "190", "décembre 2027"],
                ],
                "Groix utilise deux fibres d'un câble sous-marin existant, louées pour 15 ans. "
                "Ouessant et Molène partagent un nouveau câble de 24 km posé depuis Le Conquet. "
                "La pose demande une fenêtre de six jours de mer calme, entre mai et août 2027.",
            ],
        ),
        (
            "Le budget",
            [
                [
                    ["Poste", "Montant HT"],
                    ["Câble sous-marin et location", "1,46 M€"],
                    ["Distribution sur les îles", "0,92 M€"],
                    ["Locaux, énergie, OLT", "0,31 M€"],
                    ["Imprévus", "0,15 M€"],
                    ["Total", "2,84 M€"],
                ],
                "Le coût moyen est de 1 229 € par prise, contre 410 € sur le continent. "
                "Avec 55 % de prises louées au bout de trois ans, le projet est rentable en "
                "onze ans ; avec 40 %, il ne l'est pas avant seize ans.",
            ],
        ),
        (
            "Les risques",
            [
                "Premier risque : l'avis de l'autorité maritime sur le câble d'Ouessant, attendu "
                "pour le 15 janvier 2027. Un refus du tracé ajouterait 3,5 km et 190 000 €.",
                "Deuxième risque : le transport du matériel par bateau, limité à deux rotations "
                "par semaine en hiver. Le stock d'ONT est donc livré en septembre.",
                "Troisième risque : l'électricité de Molène, produite sur place. Le local reçoit "
                "12 heures de batteries au lieu de 4.",
            ],
        ),
        (
            "Les prix de vente",
            [
                "Les prix des îles sont ceux du continent : 21,99 €, 29,99 € et 39,99 € par mois. "
                "Le raccordement reste gratuit jusqu'à 100 mètres. Les frais de déplacement d'un "
                "technicien ne sont pas répercutés ; le délai de réparation annoncé passe de 5 à "
                "8 jours ouvrés, sauf pour les lignes prioritaires médicales.",
            ],
        ),
        (
            "Décision demandée",
            [
                "Engager la première tranche, Groix, pour 1,05 M€ HT dès octobre 2026, et reporter "
                "la décision sur Ouessant et Molène au conseil du 8 décembre 2026. Rien n'est à "
                "annoncer aux maires avant cette date.",
            ],
        ),
    ],
)


def write_pdf(path: Path) -> None:
    """Lay the welcome guide out with reportlab, uncompressed and without dates."""
    from reportlab.lib import colors
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

    styles = getSampleStyleSheet()
    title, parts = WELCOME
    flow: list[object] = [Paragraph(title, styles["Title"])]
    for heading, blocks in parts:
        flow.append(Paragraph(heading, styles["Heading2"]))
        for block in blocks:
            if isinstance(block, str):
                flow.append(Paragraph(block, styles["BodyText"]))
            else:
                table = Table(block, hAlign="LEFT")
                table.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.grey)]))
                flow.append(table)
            flow.append(Spacer(1, 4))
    document = SimpleDocTemplate(
        str(path),
        pagesize=A4,
        title=title,
        author="Armorique Télécom",
        pageCompression=0,
        invariant=1,
    )
    document.build(flow)


def write_docx(path: Path) -> None:
    """Write the project note with python-docx, then repack it with fixed dates."""
    import docx

    title, parts = ENEZ
    document = docx.Document()
    moment = datetime.datetime(2026, 9, 22, 9, 0, 0)
    properties = document.core_properties
    properties.title, properties.author = title, "Armorique Télécom"
    properties.created = properties.modified = moment
    document.add_heading(title, level=1)
    for heading, blocks in parts:
        document.add_heading(heading, level=2)
        for block in blocks:
            if isinstance(block, str):
                document.add_paragraph(block)
                continue
            table = document.add_table(rows=0, cols=len(block[0]), style="Table Grid")
            for row in block:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
    raw = io.BytesIO()
    document.save(raw)
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, date_time=(2026, 9, 22, 9, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, source.read(name))


if __name__ == "__main__":
    write_pdf(PDF)
    write_docx(DOCX)
    for made in (PDF, DOCX):
        print(made.relative_to(DOCUMENTS), made.stat().st_size, "bytes")
