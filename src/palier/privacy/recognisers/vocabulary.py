"""Which words are no names, and how a text reads that has no capitals, or nothing else."""

from __future__ import annotations

import re
from functools import lru_cache

from palier.text import fold
from palier.text.stopwords import BOTH

UPPER = "".join(
    character for character in map(chr, (*range(0x41, 0x530), *range(0x1E00, 0x2000))) if character.isupper()
)
"""Capitals of Latin, Greek, Cyrillic and Armenian letters, for a set of a regular expression."""

_PARTICLES = """
    al and ap ar auf aux av ben bin d da dal das de del della den der des di dei do dos du e el en et i ibn in la las
    le les los lo na nad och of op s san sur the to u un van vom von y z zu zum zur
"""
PARTICLES = frozenset(_PARTICLES.split())
"""Small words inside names of persons and streets."""

_COMMON = """
    abonne abonnee abonnement accident account accountant accounts accueil achat acte action activation actually
    additional address addresses adresse adressez affaire afternoon age agence agency agent aide airport ajout
    ajoutez amicalement angry annee annulation another answer anyone anything apartment appel appele appeler appelez
    appelle appellent application appointment april apt area article ask assistance assistant assurance assure
    assuree attached attente attention attestation august auto available avenue avis avril away back bad bank banque
    beneficiaire besoin best bic bien bienvenue bilan bill billing birth birthday bjour bjr bloquer blvd boite bon
    bonne bonnes bonsoir booking boutique box branch bravo broken building bureau business call called cancel card
    cards carte cas case cash cause cb cedex change changement charge charged chat check cheque cher chere cheres
    chers choix city claim click client cliente clients close closed code colis collect colocataire color come
    commande company complaint compta compte computer concernant concerned concierge confirm confirmation conseiller
    conseillere contact contacter contactez contract contrat coordonnees copie copy cordialement correct cost coucou
    country county coupure courriel courrier court credit creneau cryptogramme currency customer customers daily
    date day days dear debit debiteur debut december decembre delivery demain demande demandez department depot
    desole destinataire details dette deux devis dimanche direct directeur direction director directrice disabled
    dob doctor document done door dossier driver dsl due duplicata echange email emails emetteur employe employee
    end enfant enfin engineer entreprise entretien envoi envoye erreur error espace etat euro euros evening
    everybody everyone everything exact exactly expediteur expedition expiration expires extension fact facture
    factures faithfully family father faux february fee fees femme fevrier fibre fichier file fille fils fin fine
    first fixe flight follow forfait form found fournisseur frais free frere friday friend full furieux furious
    garantie gate general gerant gerante gestion glad good great group groupe guest guichet habite half handset
    happy hear help heure heures hier homme hope hopital hospital hotel hour hours house however husband iban icc
    iccid id identifiant identite imagine imei important imsi incident incroyable indeed infirmier infirmiere info
    information informations infos instead insurance interlocuteur internet intervention invoice ip issue item jan
    january janvier jeudi jour journee jsuis juillet juin july june junior kind kindly laboratory landlord lane last
    late later legal letter lien light ligne like line list live livraison livre livreur locataire location logement
    logged long look looking lost lot love lundi madame made mademoiselle mai maiden mail main maintenant maison
    make maman man manager march mardi mari mars matin mauvais maybe medecin mercredi mere mesdames message
    messieurs met middle mieux missing mlle mme mmes model modele mois moment monday money monsieur montant month
    months morning mot mother motif move moved moyen mr mrs ms msg multi music mutuelle naissance name names
    national near nee never new news next nice night nir nobody noel nom noms non none normal note notez nothing
    nouveau nouvelle november novembre number numero objet october octobre office offre offres ok okay old online
    open opening operation operator option order orders ordre original otherwise oui ouverture package paid paie
    paiement panne papa papier parcel parents part partner password patient patiente pay payment pays pb penalite
    people perdu pere permis person personal personne perte petite phone piece pieces pin place plainte plaisir plan
    player pls plz post postcode poste pourtant power prelevement prenom prenoms presse previous prevoir price prie
    priere prise private prix problem probleme proche product produit profession professor profile promo propos
    proprietaire puce quality question questions quick quickly quite quittance raison rappel rappeler rappelez rdv
    read ready real really reason rebonjour receipt received recla reclamation record ref reference refs refund
    refuse refusee regarding regards regle remboursement remboursez remplacant remplacement rendez renseignement
    reponse request reseau reservation resident resiliation responsable retard retour rib right road room round
    route rue rum sad safe salarie sales salut samedi sans sante sat saturday sauf sci secondly securite security
    see sender senior sent september septembre serial service services seven sex shift ship shipping shop shouted
    sick siege signalement signature signe signed sim simple since sincerely sinistre sir siren siret site sleep slt
    societe soir someone something sorry speaking special square ss ssn sss staff standing start state statement
    station status still stop store story stp street subject suite suivi sunday super support sure surname svp
    system tablette talk tarif team technician technicien technicienne telephone telephones temps terminal terms
    test texto thing think thursday ticket time title titulaire tjrs tjs today together tomorrow tonight total
    toujours town tracking train transfer transfere transfert trying tuesday tuteur two type unable unfortunately
    unit update upgrade urgence urgent user username usual utilisateur valid valide vendeur vendredi vente
    verification verifie version veuillez veuve via ville virement virer visa voir voisin voisine voiture vol vrai
    vraiment wait waiting warehouse website wednesday week weekend weeks welcome wife wifi woman work working worry
    worst wow writing wrong year years yesterday zip
"""
COMMON = frozenset(_COMMON.split()) | BOTH | PARTICLES
"""Words that are no name by themselves, folded; of those that many people are called (Petit, King), none."""


@lru_cache(maxsize=8192)
def is_common(word: str) -> bool:
    """Whether it is no name by itself. What stands before an apostrophe does not count: `l'agence` is `agence`."""
    folded = fold(word).strip("'’.-").rpartition("'")[2]
    return len(folded) < 2 or folded in COMMON


_WORD = re.compile(r"(?<![\w'’@./:\-])[^\W\d_]{2,40}(?![\w@]|[./:]\w|-\d)")


def capitalised(text: str) -> str:
    """A text without capitals, or with nothing else, as long as it was, with a capital to each word that may be a name.

    Any other text is given back as it is.
    """
    if not (text.islower() or text.isupper()):
        return text
    return _WORD.sub(_with_capital, text)


def _with_capital(match: re.Match[str]) -> str:
    word = match.group()
    other = word.lower() if is_common(word) else word[0].upper() + word[1:].lower()
    return other if len(other) == len(word) else word
