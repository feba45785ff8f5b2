"""Letters beyond ASCII of the languages of old encodings, the frequent ones first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Language(NamedTuple):
    """`letters` are in lower case; `handicap` is how much rarer its documents are (log scale)."""

    letters: str
    encodings: tuple[str, ...]
    latin: bool = True
    handicap: float = 0


_WEST = ("cp1252", "iso8859-15", "cp850", "mac-roman")
_CENTRE = ("cp1250", "iso8859-2", "cp852", "mac-latin2")
_BALTIC = ("cp1257", "iso8859-4", "iso8859-10")
_CYRILLIC = ("cp1251", "koi8-r", "iso8859-5", "cp866", "mac-cyrillic", "cp855")

LANGUAGES: Final[Mapping[str, Language]] = {
    "English": Language("éèïçöüñ", _WEST),
    "German": Language("üäößé", _WEST),
    "French": Language("éèàêçôîâûùëïœüÿæ", _WEST),
    "Spanish": Language("óíáéñúü", _WEST),
    "Portuguese": Language("ãçáéóíêâúàôõü", _WEST),
    "Italian": Language("èàòùìéî", _WEST),
    "Swedish": Language("äåöéü", _WEST),
    "Danish": Language("åøæéöäó", _WEST),
    "Dutch": Language("ëéïöèüóêç", _WEST, handicap=1),
    "Catalan": Language("àéóèíçòúïü", _WEST, handicap=1),
    "Icelandic": Language("íáðéúóþýöæ", _WEST, handicap=3),
    "Polish": Language("łężąóśćńź", (*_CENTRE, "iso8859-16")),
    "Czech": Language("íáěéřžčýšůúťňďó", _CENTRE),
    "Slovak": Language("áíčšžýúéťôľňďäóŕĺ", _CENTRE, handicap=0.5),
    "Hungarian": Language("áéőöüóíűú", _CENTRE),
    "Romanian": Language("ăţşâîțș", (*_CENTRE, "iso8859-16"), handicap=0.5),
    "Croatian": Language("čšžćđ", (*_CENTRE, "iso8859-16")),
    "Turkish": Language("ıüşğçöâîû", ("cp1254",), handicap=0.5),
    "Lithuanian": Language("ėųšįžąūčę", _BALTIC, handicap=0.5),
    "Latvian": Language("āīēšūņžļģčķ", _BALTIC, handicap=0.5),
    "Estonian": Language("äõüöšž", (*_BALTIC, "cp1252", "iso8859-15"), handicap=1),
    "Maltese": Language("ħżġċà", ("iso8859-3",), handicap=1),
    "Vietnamese": Language(
        "\u0301\u0300đôư\u0323âơê\u0309ă\u0303áàíóúéýèìòùñ", ("cp1258",), handicap=1
    ),
    "Esperanto": Language("ĉĝŝŭĵĥ", ("iso8859-3",), handicap=1),
    "Russian": Language("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", _CYRILLIC, latin=False),
    "Ukrainian": Language(
        "оаинвітерслкдупмяьзбгйчїхцжюшєщфґ",
        ("cp1251", "koi8-u", "iso8859-5", "mac-cyrillic"),
        latin=False,
        handicap=0.5,
    ),
    "Bulgarian": Language(
        "аеоитнрсвлдкпмзъгубчяйжхцшщюьф",
        ("cp1251", "iso8859-5", "cp866", "mac-cyrillic", "cp855"),
        latin=False,
        handicap=0.5,
    ),
    "Serbian": Language(
        "аиоенрстјукдвмплзбгчшцжхњљћђфџ",
        ("cp1251", "iso8859-5", "mac-cyrillic", "cp855"),
        latin=False,
        handicap=1,
    ),
    "Greek": Language(
        "αοιετσνηυρπκμλςωάόίέήδγχφύθώβξζψϊϋΐΰ", ("cp1253", "iso8859-7"), latin=False
    ),
    "Hebrew": Language("יוהלאתרבשמנדקפעחגסכצטזםןךףץ", ("cp1255",), latin=False),
    "Arabic": Language(
        "اليمنتربوعدسهفقكحجةأشصطخضإذزئثغىءظآؤًٌٍَُِّ",
        ("cp1256", "iso8859-6"),
        latin=False,
    ),
    "Persian": Language(
        "ادرنمیهتوسبشکيلكزفخعقجپحگچصطغضذثژظ", ("cp1256",), latin=False, handicap=1
    ),
    "Thai": Language(
        "านรกอเงมยลวด่ท้สตะัปบีคหิแ์จพชืขไึใโุู็ผซถฟธญศณษฐฉภฝๆฎำ", ("cp874",), latin=False
    ),
}  # fmt: skip
HANZI: Final[Mapping[str, str]] = {
    "gb18030": (
        "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于"
        "着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还"
        "进好小部其些主样理心她本前开但因只从想实日者意无力它与长把机十民第公此已工使情明"
        "性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新"
        "己制身果加西月话合回特代内信表化老给世位次度门任常先海通教原东声提立及比员解水名"
        "真论处走义各入几口认条平系气题活更别打女变四神总何电数安少报才结反受目太量再感建"
        "务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则"
        "听白却界达光放强价元店鲜请谢您"
    ),
    "big5hkscs": (
        "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於"
        "著下自之年過發後作里用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還"
        "進好小部其些主樣理心她本前開但因只從想實日者意無力它與長把機十民第公此已工使情明"
        "性知全三又關點正業外將兩高間由問很最重並物手應戰向頭文體政美相見被利什二等產或新"
        "己制身果加西月話合回特代內信表化老給世位次度門任常先海通教原東聲提立及比員解水名"
        "真論處走義各入幾口認條平系氣題活更別打女變四神總何電數安少報才結反受目太量再感建"
        "務做接必場件計管期市直德資命山金指克許統區保至隊形社便空決治展馬科司五基眼書非則"
        "聽白卻界達光放強價元錄店鮮請謝您"
    ),
    "cp932": (
        "日一人大年本中会国長出時行上生事者社東部分見場議自前手内間明電来発対体高定地学理"
        "業実回同全主連方新書市用政立取通合名気山子最道戦決運現不動公機成世関外目問十二三"
        "送確認願京都区録県村町店"
    ),
    "cp949": (
        "이다는을의에가고하지은로한사기자리어도서아나들를시대있그인해일부정수전라스제만상"
        "보여주장안원과공우적용구성관조내면연으경분동비문업신생물개요오소니모화발유선마방"
        "회출무중세계배드립녕록"
    ),
}
