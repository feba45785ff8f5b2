"""Documents and what is asked of them: the answers hold on every server, in every locale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Case(NamedTuple):
    """A document: its Markdown and its title."""

    markdown: str
    title: str | None = None


class Asked(NamedTuple):
    """What is asked for, and the documents that answer, best first."""

    words: str
    found: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


_FILLER = "\n\n".join(f"Filler sentence number {n} of the long report goes on." for n in range(40))

DOCUMENTS: Mapping[str, Case] = {
    "quotes": Case(
        "# Keeper\n\nShe called it “lighthouse” and «fanal», then ‘harbour’ and „Leuchtturm“"
        " again. A keeper—grumpy—said wait… and took 10€.\n"
    ),
    "parts": Case(
        "# Parts\n\nThe valve is listed as INV-2024-0042 in the ledger, the pump as AB-123. "
        "Ask for the e-mail of the coöperative.\n"
    ),
    "slashes": Case(
        "# Ports\n\nThe board has one input/output connector and a Müller/Meier label. "
        "Speed is given in km/h.\n"
    ),
    "paths": Case(
        "# Files\n\nOpen src/stages/postgres_search.py and /etc/nginx/nginx.conf, or "
        "www.example.org/handbook/index.html. The module is os.path.join, `os.environ` too.\n\n"
        "# Joined\n\nThe lock was opened.Then the warden left.Nobody saw him.\n"
    ),
    "angles": Case(
        "# Code\n\n```java\nMap<String, List<Invoice>> ledger = new TreeMap<>();\n```\n\n"
        '```xml\n<groupId>org.sample.billing</groupId>\n<setting name="timeoutSeconds">30</setting>'
        "\n```\n\n# Bounds\n\nThe value x <limit of the tank and the pressure> five bars is fine. "
        "So is <b and c>, and <b>bold</b> print.\n"
    ),
    "links": Case(
        "# Link\n\nRead the [manual](https://example.net/guide/start.html) before use. See "
        "(https://example.net/faq), or https://example.net/terms. The brass "
        "[lamp](https://example.net/x) was lit. Write to <warden@example.com>.\n"
    ),
    "accents": Case(
        "# Accents\n\nA naïve café owner in Zürich met José and the coöperation of Straße und "
        "Größe. Ångström. Łódź. Ήλιος. Ёлка.\n"
    ),
    "thai": Case("# ไทย\n\nประเทศไทยรวมเลือดเนื้อชาติเชื้อไทย เป็นประชารัฐไผทของไทยทุกส่วน\n"),
    "khmer": Case("# ខ្មែរ\n\nភាសាខ្មែរជាភាសាផ្លូវការរបស់ប្រទេសកម្ពុជា\n"),
    "korean": Case("# 학교\n\n우리는 학교에서 등대를 보았다. 바다가 조용했다.\n"),
    "japanese": Case("# 灯台\n\n灰色の灯台が海岸に立っている。データは2024年のものです。\n"),
    "stops": Case(
        "# The Who\n\nTo be or not to be, that is the question. The IT department. The Who played "
        "Will by itself.\n\n# Entities\n\nAT&T and R&D and Marks &amp; Spencer and don't and "
        "O'Brien and l'école.\n"
    ),
    "hyphen": Case("# Route\n\nBerlin - Hamburg and Alice – Bob were in the table.\n"),
    "berlin": Case("# Town\n\nBerlin alone stands here.\n"),
    "numbers": Case(
        "# Numbers\n\nTotal 1,234.56 EUR on 2024-01-31 at 10:30, version 1.2.3, address "
        "192.168.0.1, §12 Abs. 3, 50%, $100, -40 degrees, 3.5e10, ISBN 978-3-16-148410-0, "
        "١٢٣ pieces, 12 m².\n"
    ),
    "emphasis": Case(
        "# Emphasis\n\nThe word **re**start and un*believ*able and H~2~O and the **wonder**ful "
        "tale of max\\_retry\\_count.\n"
    ),
    "soft": Case(
        "# Soft\n\nDonau\u00addampf\u00adschiff and zero\u200bwidth and non\u00a0breaking and "
        "ﬁnance and ｆｕｌｌｗｉｄｔｈ and e\u0301cole decomposed.\n"
    ),
    "far": Case(
        f"# Far\n\nThe word zebrawood stands first.\n\n{_FILLER}\n\nThe quicksilver stands last.\n"
    ),
    "near": Case("# Near\n\nHere zebrawood and quicksilver stand together.\n"),
    "titled": Case("# Intro\n\nNothing to see in this text.\n", "Harbour report 2031"),
    "table": Case(
        "# Gauges\n\n| Station | Depth |\n|---|---|\n| Varn | 17 m |\n| Oster | 23 m |\n"
    ),
    "turkish": Case("# Kent\n\nISPARTA ilçesinde ışık. İstanbul ve Diyarbakır.\n"),
    "german": Case("# Türme\n\nDie Leuchttürme stehen am Hafen und leuchten in der Nacht.\n"),
    "french": Case("# Rivière\n\nLes bateaux sont dans le port et les pêcheurs attendent.\n"),
}  # fmt: skip

QUESTIONS: tuple[Asked, ...] = (
    Asked("lighthouse", ("quotes",)),
    Asked("fanal", ("quotes",)),
    Asked("Leuchtturm", ("quotes", "german")),
    Asked("keeper", ("quotes",)),
    Asked("grumpy", ("quotes",)),
    Asked("wait", ("quotes",)),
    Asked("10", ("quotes", "numbers", "far")),
    Asked("“lighthouse”", ("quotes",)),
    Asked("INV-2024-0042", ("parts",)),
    Asked("inv 2024 0042", ("parts",)),
    Asked("0042", ("parts",)),
    Asked("2024-0042", ("parts",)),
    Asked("123", ("numbers", "parts")),
    Asked("email", ("parts",)),
    Asked("e-mails", ("parts",)),
    Asked("input", ("slashes",)),
    Asked("output", ("slashes",)),
    Asked("input/output", ("slashes",)),
    Asked("müller", ("slashes",)),
    Asked("Mueller", ("slashes",)),
    Asked("MEIER", ("slashes",)),
    Asked("km/h", ("slashes",)),
    Asked("postgres_search.py", ("paths",)),
    Asked("stages", ("paths",)),
    Asked("nginx.conf", ("paths",)),
    Asked("nginx", ("paths",)),
    Asked("join", ("paths",)),
    Asked("os.environ", ("paths",)),
    Asked("environ", ("paths",)),
    Asked("opened", ("paths",)),
    Asked("nobody", ("paths",)),
    Asked("List<Invoice>", ("angles",)),
    Asked("invoices", ("angles",)),
    Asked("groupId", ("angles",)),
    Asked("timeoutSeconds", ("angles",)),
    Asked("limit tank pressure", ("angles",)),
    Asked("timeout", ("angles",)),
    Asked("https://example.net/guide/start.html", ("links",)),
    Asked("example.net/faq", ("links",)),
    Asked("terms", ("links",)),
    Asked('"lamp was lit"', ("links",)),
    Asked('"manual before use"', ("links",)),
    Asked("warden@example.com", ("links",)),
    Asked("cafe", ("accents",)),
    Asked("naive zurich jose", ("accents",)),
    Asked("Strasse", ("accents",)),
    Asked("Grösse", ("accents",)),
    Asked("grosse", ("accents",)),
    Asked("Lodz", ("accents",)),
    Asked("angstrom", ("accents",)),
    Asked("ηλιοσ", ("accents",)),
    Asked("елка", ("accents",)),
    Asked("ประเทศไทย", ("thai",)),
    Asked("เลือด", ("thai",)),
    Asked("ไทยแลนด์"),
    Asked("ខ្មែរ", ("khmer",)),
    Asked("កម្ពុជា", ("khmer",)),
    Asked("학교", ("korean",)),
    Asked("등대", ("korean",)),
    Asked("灯台", ("japanese",)),
    Asked("台灯"),
    Asked("灰", ("japanese",)),
    Asked("2024年", ("japanese",)),
    Asked("データ", ("japanese",)),
    Asked("ﾃﾞｰﾀ", ("japanese",)),
    Asked("The Who", ("stops",)),
    Asked("to be or not to be", ("stops",)),
    Asked('"to be or not to be"', ("stops",)),
    Asked("AT&T", ("stops",)),
    Asked("R&D", ("stops",)),
    Asked("Marks & Spencer", ("stops",), ignored=("&",)),
    Asked("don't", ("stops",)),
    Asked("O’Brien", ("stops",)),
    Asked("école", ("soft", "stops")),
    Asked("the departments", ("stops",), ignored=("the",)),
    Asked("Berlin - Hamburg", ("hyphen",), ignored=("-",)),
    Asked("Alice – Bob", ("hyphen",), ignored=("–",)),
    Asked("Berlin -Hamburg", ("berlin",), excluded=("Hamburg",)),
    Asked("-40", excluded=("40",)),
    Asked("40 degrees", ("numbers",)),
    Asked("9783161484100", ("numbers",)),
    Asked("978-3-16-148410-0", ("numbers",)),
    Asked("1234.56", ("numbers",)),
    Asked("1,234.56", ("numbers",)),
    Asked("2024-01-31", ("numbers",)),
    Asked("192.168.0.1", ("numbers",)),
    Asked("m2", ("numbers",)),
    Asked("restart", ("emphasis",)),
    Asked("unbelievable", ("emphasis",)),
    Asked("H2O", ("emphasis",)),
    Asked("max_retry_count", ("emphasis",)),
    Asked("retry", ("emphasis",)),
    Asked("wonder*", ("emphasis",)),
    Asked("lig*", ("quotes",)),
    Asked("Donaudampfschiff", ("soft",)),
    Asked("zerowidth", ("soft",)),
    Asked("breaking", ("soft",)),
    Asked("finance", ("soft",)),
    Asked("fullwidth", ("soft",)),
    Asked("zebrawood quicksilver", ("near", "far")),
    Asked("harbour report", ("titled",)),
    Asked("report 2031", ("titled",)),
    Asked("harbour", ("titled", "quotes")),
    Asked("Varn depth", ("table",)),
    Asked("ısparta", ("turkish",)),
    Asked("ISPARTA", ("turkish",)),
    Asked("isparta", ("turkish",)),
    Asked("istanbul", ("turkish",)),
    Asked("DIYARBAKIR", ("turkish",)),
    Asked("Leuchttürme", ("german", "quotes")),
    Asked("bateau", ("french",)),
    Asked("pêcheur", ("french",)),
    Asked("pecheur", ("french",)),
    Asked("bateau or leuchten", ("german", "french")),
    Asked("bold", ("angles",)),
)
