"""Write a count in one of Word's number formats (ECMA-376 part 1, 17.18.59)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

_ROMAN: Final = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_ONES: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS: Final = [
    "-",
    "ten",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
]
_ORDINALS: Final = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
    "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip
_LATIN: Final = "abcdefghijklmnopqrstuvwxyz"
_RUSSIAN: Final = "абвгдежзиклмнопрстуфхцчшщыэюя"
_GREEK: Final = "αβγδεζηθικλμνξοπρστυφχψω"
_AIUEO: Final = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
)
_IROHA: Final = "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセスン"
_GANADA: Final = "가나다라마바사아자차카타파하"
_CHOSUNG: Final = "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ"
_STEMS: Final = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES: Final = "子丑寅卯辰巳午未申酉戌亥"
_HEBREW: Final = "אבגדהוזחטיכלמנסעפצקרשת"
_ARABIC: Final = "أبتثجحخدذرزسشصضطظعغفقكلمنهوي"
_ABJAD: Final = "أبجدهوزحطيكلمنسعفصقرشتثخذضظغ"
_HAN: Final = "〇一二三四五六七八九"
_KOREAN: Final = "영일이삼사오육칠팔구"
_MAX_REPEATS: Final = 40


def written(count: int, number_format: str) -> str:
    """Return a count as this format writes it; a format that is not known counts in digits."""
    write = _FORMATS.get(number_format)
    return str(count) if write is None else write(count)


def _roman(count: int) -> str:
    if not 0 < count < 5000:
        return str(count)
    text = ""
    for size, letters in _ROMAN:
        text += letters * (count // size)
        count %= size
    return text


def _letters(alphabet: str) -> Callable[[int], str]:
    """After the last letter all come twice, then three times."""

    def write(count: int) -> str:
        repeats, index = divmod(count - 1, len(alphabet))
        return alphabet[index] * (repeats + 1) if 0 <= repeats < _MAX_REPEATS else str(count)

    return write


def _ordinal(count: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{'th' if 10 < count % 100 < 14 else ending}"


def _cardinal(count: int) -> str:
    if not 0 <= count < 1_000_000:
        return str(count)
    if count < 20:
        return _ONES[count]
    if count < 100:
        tens, ones = divmod(count, 10)
        return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")
    size, name = (100, "hundred") if count < 1000 else (1000, "thousand")
    high, low = divmod(count, size)
    return f"{_cardinal(high)} {name}" + (f" {_cardinal(low)}" if low else "")


def _ordinal_text(count: int) -> str:
    words = _cardinal(count)
    last = words.replace("-", " ").split()[-1]
    ending = _ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return words[: len(words) - len(last)] + ending


def _circled(count: int) -> str:
    return chr(0x2460 + count - 1) if 1 <= count <= 20 else str(count)


def _full_width(count: int) -> str:
    return str(count).translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})


def _digits(signs: str) -> Callable[[int], str]:
    return lambda count: "".join(signs[int(digit)] for digit in str(abs(count)))


def _han_counting(count: int) -> str:
    if not 0 < count < 10_000:
        return _digits(_HAN)(count)
    text = ""
    for size, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, count = divmod(count, size)
        if digit:
            text += ("" if digit == 1 and size > 1 and not text else _HAN[digit]) + name
    return text


def _hebrew(count: int) -> str:
    if not 0 < count < 500:
        return str(count)
    hundreds, rest = divmod(count, 100)
    text = _HEBREW[17 + hundreds] if hundreds else ""
    if rest in (15, 16):
        return text + "ט" + _HEBREW[rest - 10]
    tens, ones = divmod(rest, 10)
    return text + (_HEBREW[8 + tens] if tens else "") + (_HEBREW[ones - 1] if ones else "")


def _chicago(count: int) -> str:
    return "*†‡§"[(count - 1) % 4] * min((count - 1) // 4 + 1, _MAX_REPEATS)


_FORMATS: Final[Mapping[str, Callable[[int], str]]] = {
    "lowerRoman": _roman,
    "upperRoman": lambda count: _roman(count).upper(),
    "lowerLetter": _letters(_LATIN),
    "upperLetter": _letters(_LATIN.upper()),
    "decimalZero": lambda count: f"{count:02d}",
    "ordinal": _ordinal,
    "cardinalText": lambda count: _cardinal(count).capitalize(),
    "ordinalText": lambda count: _ordinal_text(count).capitalize(),
    "hex": lambda count: f"{count:X}",
    "chicago": _chicago,
    "none": lambda _: "",
    "bullet": lambda _: "",
    "numberInDash": lambda count: f"- {count} -",
    "decimalEnclosedCircle": _circled,
    "decimalEnclosedCircleChinese": _circled,
    "decimalEnclosedParen": lambda count: f"({count})",
    "decimalEnclosedFullstop": lambda count: f"{count}.",
    "decimalFullWidth": _full_width,
    "decimalFullWidth2": _full_width,
    "japaneseCounting": _han_counting,
    "chineseCounting": _han_counting,
    "chineseCountingThousand": _han_counting,
    "taiwaneseCounting": _han_counting,
    "taiwaneseCountingThousand": _han_counting,
    "ideographDigital": _digits(_HAN),
    "taiwaneseDigital": _digits(_HAN),
    "koreanDigital": _digits(_KOREAN),
    "ideographTraditional": _letters(_STEMS),
    "ideographZodiac": _letters(_BRANCHES),
    "aiueo": _letters(_AIUEO),
    "aiueoFullWidth": _letters(_AIUEO),
    "iroha": _letters(_IROHA),
    "irohaFullWidth": _letters(_IROHA),
    "ganada": _letters(_GANADA),
    "chosung": _letters(_CHOSUNG),
    "russianLower": _letters(_RUSSIAN),
    "russianUpper": _letters(_RUSSIAN.upper()),
    "greekLower": _letters(_GREEK),
    "hebrew1": _hebrew,
    "hebrew2": _letters(_HEBREW),
    "arabicAlpha": _letters(_ARABIC),
    "arabicAbjad": _letters(_ABJAD),
}
