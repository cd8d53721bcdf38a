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
    additional address addresses adresse adressez affaire affiche afternoon age agence agency agent aide aime
    airport ajout ajoutez amicalement angry annee annulation annuler another answer anybody anyone anything
    apartment apparait appartement appel appele appeler appelez appelle appellent appellera application appliquer
    appointment april apt area arreter arrive arrived article asap ask asks assistance assistant assurance assure
    assuree atm attached attend attends attente attention attestation august auto available avc avenue avis avril
    away back bad bank banque bcp beneficiaire besoin best bic bien biensur bienvenue bilan bill billing birth
    birthday bjour bjr bloque bloquee bloquer blvd boite bon bonne bonnes bonsoir booking bought boutique box branch
    bravo broken btw building bureau business call called calls came cancel cancelled cant card cards carte cas case
    cash cause cb cedex cest cetait change changed changee changement charge charged chat check cheque cher chere
    cheres chers choix chui chuis cinq city claim click client cliente clients clos close closed code colis collect
    colocataire color come commande company complaint compta compte computer concernant concerned concierge confirm
    confirmation connu conseiller conseillere contact contacter contactez contract contrat coordonnees copie copy
    cordialement correct cost coucou country county coupe coupure courriel courrier court credit creneau
    cryptogramme currency customer customers cv daily date day days dear debit debiteur debut decede decedee
    december decembre delivery demain demande demandez department depasser depot desole destinataire details dette
    deux devis different differente dimanche direct directeur direction director directrice disabled disent dispo
    distingue distinguees dit dix dob doctor document done door dossier driver dsl due duplicata earlier echange
    ecrit ecrite egare eight eligible email emails emetteur employe employee end enfant enfin engineer entreprise
    entretien envoi envoie envoye erreur error espace etat euro euros evening everybody everyone everything
    ex-husband ex-wife exact exactly expediteur expedition expiration expires extension fact facture factures
    faithfully famille family father faux february fee fees femme fete fevrier fibre fichier file fille fils fin
    fine finished first five fixe flight follow fonctionne forfait form found four fournisseur frais free frere
    friday friend full furieux furious garantie gate gave general gerant gerante gestion glad gonna good great group
    groupe guest guichet habite half handset happy hates hear help heure heures hier homme hope hopital hospital
    hotel hour hours house however huit husband iban icc iccid id identifiant identite idk ii iii im imagine imei
    important imsi incident incomplet incomplete inconnu incorrect incorrecte incroyable indeed infirmier infirmiere
    info information informations infos instead insurance interlocuteur internet interruption intervention invalid
    invalide invoice ip issue item iv ive ix jai jan january janvier jeudi jeune jle jme joined jour journee jpeux
    jsuis juillet juin july june junior jveux jvoudrais jvous ke keeps ki kind kindly known koi kun laboratory
    landlord lane last late later left legal letter lien light ligne like likes line list live lived lives livraison
    livre livreur livrez livrez-vous locataire location logement logged lol long look looking looks lost lot love
    loves lundi madam madame made mademoiselle mai maiden mail main maintenant maison make mal maman man manager
    march marche mardi mari mars matin mauvais maybe medecin mercredi mere mesdames message messieurs met middle
    mieux miss missing misspelled misspelt mistake mister mlle mme mmes mobile model modele mois moment monday money
    monsieur montant monte month months morning mot mother motif move moved moyen mr mrs ms msg mtn multi music
    mutuelle naissance name names national near nee needed needs neuf never new news next nice night nine nir nn
    nobody noel nom noms non none normal note notez nothing nouveau nouvelle november novembre number numero nurse
    objet october octobre office offre offres ok okay old one online open opening operation operator option order
    orders ordre original orthographie orthographiee otherwise oui ouverture pa package paid paie paiement paiera
    panne papa papier parcel parents part partner partners passe passed passera password patient patiente pay payer
    payment pays pb pcq penalite pense people perd perdu perdue pere permis person personal personne perte petite
    phone piece pieces pin pk place plainte plaisir plan player pls plz post postcode poste pourtant power pq
    prelevement premium prend prenne prenom prenoms presse previous prevoir price prie priere prise private prix pro
    problem probleme proche product produit profession professor profile promo propos proprietaire psk puce qd qqch
    qqn quality quatre question questions quick quickly quite quittance raison rappel rappeler rappelez rappellera
    rdv read ready real really reason rebonjour receipt received recevoir recla reclamation recoit record recu ref
    reference refs refund refunds refuse refusee refuses regarde regarding regards regle rejete remboursement
    remboursez remplacant remplacement rendez renseignement reponse request reseau reservation resident resiliation
    responsable reste retard retour rib right road room round route rue rum sad safe salarie sales salut samedi sans
    sante sat saturday sauf says sci secondly secretariat securite security see seems sender sends senior sent sept
    september septembre serial service services seven sex shift ship shipping shop shouted sick siege signalement
    signature signe signed signer sim simple since sincerely sing sinistre sinon sir siren siret site six sleep slt
    societe soir soldier someone something sorry souhaite speaking special spelled spelt square ss ssn sss staff
    standing start started state statement station status stays still stop stopped store story stp street subject
    succession suite suivi sunday super support sure surname svp system tablette talk tarif team technician
    technicien technicienne telephone telephones temps ten terminal terms test texto thing think thinks three
    thursday thx ticket time title titulaire tjrs tjs today together told tomorrow tonight took total toujours town
    tracking train transfer transfere transfert travaille tried trois trying tt tte tuesday tuteur two ty type
    unable unfortunately unit unknown update upgrade ur urgence urgent used user username uses usual utilisateur
    valid valide vendeur vendredi vente verification verifie verifier version veuillez veuve vi via viendra viennent
    viens vient vii viii ville virement virer visa voir voisin voisine voiture vol voudrait vrai vraiment vs wait
    waiting wanna wanted warehouse website wednesday week weekend weeks welcome went whoever wife wifi woman work
    worked working works worry worst wow writes writing written wrong xi ya yavait year years yesterday zip
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


def lowered(text: str) -> str:
    """In small letters, as long as it was: expressions that mind no case take three times as long."""
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join(character.lower() if len(character.lower()) == 1 else character for character in text)
