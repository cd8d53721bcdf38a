"""Function words by language, accents folded: what `terms` leaves out and what `detect` counts.

Only French and English are complete enough to search with; the others are there to be told apart from them.
"""

_LISTS = {
    "fr": """
        a afin ai aie ainsi alors apres as assez au aucun aucune aujourd'hui auquel aura aurai aurait aussi autre
        autres aux auxquelles auxquels avaient avais avait avant avec avez aviez avions avoir avons ayant beaucoup
        bonjour c ca car ce ceci cela celle celles celui cent cependant certain certaine certaines certains ces cet
        cette ceux chaque chez ci combien comme comment d dans de deja depuis des desquelles desquels donc dont du
        duquel durant elle elles en encore entre es est et etaient etais etait etant ete etes etre eu eux faire fait
        faut fois font furent fut grace hors ici il ils j je jusqu jusque l la ladite laquelle le ledit lequel les
        lesquelles lesquels leur leurs lors lorsqu lorsque lui m ma mais me meme memes merci mes mien mienne moi
        moins mon n ne ni nos notre nous on ont or ou par parce parmi pas peu peut peuvent peux plus plutot pour
        pourquoi pourra pourrait pouvez pouvoir pres pu puis puisqu puisque qu quand que quel quelle quelles quelqu
        quelque quelques quels qui quoi quoiqu quoique s sa se selon sera serai serait seront ses si sien soi soit
        sommes son sont sous suis sur t ta tandis tant te tel telle telles tels tes toi ton tous tout toute toutes
        tres trop tu un une unes uns va vais vas vers veut veux voici voila vont vos votre voulez vouloir vous vu y
    """,
    "en": """
        a about above after again all also am an and any are aren as at be because been before being below between
        both but by can cannot could couldn d did didn do does doesn doing don down during each either else ever
        every few for from further get gets getting give go goes going got had hadn has hasn have haven having he
        hello her here hers herself hey hi him himself his how i if in into is isn it its itself just know let ll m
        may me might mine more most much must my myself need no nor not now of off on once only or other ought our
        ours out over own please re s same shall she should shouldn so some such t tell than thank thanks that the
        their theirs them themselves then there these they this those through to too under until up us ve very want
        wants was wasn we were weren what whatever when where whether which while who whom whose why will with won
        would wouldn yes yet you your yours yourself
    """,
    "de": """
        aber als am an auch auf aus bei bin bis bitte da damit dann das dass dem den der des die dies diese dieser
        doch du durch ein eine einem einen einer er es fur gegen gibt habe haben hat hatte ich ihr im in ist ja kann
        kein keine konnen man mein meine meinem meinen mit muss nach nicht noch nur ob oder ohne sein seine sich sie
        sind so uber um und uns unser vom von vor wann warum was welche welcher wenn wer werden wie wieder wieviel
        wir wird wo wurde zu zum zur
    """,
    "es": """
        a al algo como con cual cuales cuando cuanta cuanto cuantos de del desde donde el ella ellos en entre era es
        esta estan este esto fue ha hay he la las le les lo los mas me mi mis mucho muy no nos nuestro o para pero
        por porque puede puedo que quien quiero se ser si sin sobre son su sus tambien te tengo tiene tienen tu un
        una unos y ya yo
    """,
    "it": """
        a ai al alla alle anche che chi ci come con cosa da dal dalla degli dei del della delle di dove e era gli ha
        hanno ho i il in io la le lo ma mi mia mio nel nella non o per perche piu posso puo qual quale quali quando
        quanti quanto quello questa questo se si sono su sua sul suo tra tu un una uno
    """,
    "pt": """
        a ao aos as com como da das de do dos e ela ele em entre era essa esse esta este eu foi ha isso ja lhe mais
        mas me meu minha muito na nao nas no nos o onde os ou para pela pelo por porque posso quais qual quando
        quanto quantos que quem quero se sem ser seu so sua tambem tem tenho um uma voce
    """,
    "nl": """
        aan al als bij dan dat de deze die dit doen door een en er geen had heb hebben heeft hem het hij hoe hoeveel
        hun ik in is ja je kan kunnen maar me meer met mij mijn naar niet nog nu of om onder ons ook op over te tot
        uit van veel voor waar waarom wanneer waren was wat we welke werd wie wij wil worden zal ze zich zij zijn zo
        zonder zou
    """,
}

BY_LANGUAGE = {language: frozenset(words.split()) for language, words in _LISTS.items()}

SEARCH = {language: BY_LANGUAGE[language] for language in ("fr", "en")}
"""Languages whose list is complete enough to leave words out of a search."""

BOTH = SEARCH["fr"] | SEARCH["en"]
