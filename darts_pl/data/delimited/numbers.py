"""Texts as numbers: what is one as the dialect writes it, and what looks like one of another notation."""

import re
import unicodedata
from dataclasses import dataclass, replace

from darts_pl.data.delimited.dialect import DECIMALS, NAMED, THOUSANDS, Dialect

SPACES = " \u00a0\u202f\u2009"
LONGEST = 100  # characters of a number
MINUS = "\u2212"  # the mathematical sign, which is no other than a minus
CODES = ("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "INR", "JPY", "KRW")
CURRENCIES = frozenset((*CODES, "MXN", "NOK", "NZD", "PLN", "RUB", "SEK", "TRY", "USD", "kr", "z\u0142", "Rs"))
MAGNITUDES = frozenset(
    ("k", "K", "M", "B", "bn", "mio", "Mio", "Mio.", "mln", "tsd", "Tsd", "Tsd.", "mrd", "Mrd", "Mrd.")
)
SHAPE = re.compile(
    r"(?P<before>\D*?)(?P<core>[.,]?\d(?:[\d.,'\u2019_ \u00a0\u202f\u2009]*\d)?[.,]?(?:[eE][+-]?\d+)?)(?P<after>\D*)"
)
HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9a-fA-F]+")
GROUPED = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d*)?")  # as in India
FRACTION = re.compile(r"\d+\s*/\s*[1-9]\d*|\d*\s*[\u00bc-\u00be\u2150-\u215e]")


def number_pattern(dialect: Dialect) -> re.Pattern:
    """What matches a number as `dialect` writes it, units aside."""
    mark, between = re.escape(dialect.decimal), dialect.between_thousands
    whole = r"\d+" if not between else rf"(?:\d{{1,3}}(?:[{re.escape(between)}]\d{{3}})+|\d+)"
    return re.compile(rf"[+-]?(?:{whole}(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?")


NOTATIONS = [(decimal, between) for decimal in DECIMALS for between in (None, *THOUSANDS) if between != decimal]
READABLE = re.compile(
    "|".join(
        f"(?:{number_pattern(Dialect(separator=';', decimal=decimal, thousands=between)).pattern})"
        for decimal, between in NOTATIONS
    )
)


class Reader:
    """Reads numbers as `dialect` writes them."""

    def __init__(self, dialect: Dialect):
        self.dialect, self.pattern = dialect, number_pattern(dialect)
        units = "|".join(map(re.escape, sorted(dialect.units, key=len, reverse=True)))
        gap = f"[{SPACES}]*"
        self.unit = re.compile(rf"([+-]?){gap}(?:{units})?{gap}(.*?){gap}(?:{units})?") if units else None

    def bare(self, text: str) -> str:
        """A text without blanks around it and units, its minus a plain one."""
        text = text.strip().replace(MINUS, "-")
        if self.unit is not None and (found := self.unit.fullmatch(text)):
            text = found[1] + found[2]
        return text

    def plain(self, text: str) -> str | None:
        """The number of a text in the notation of Python; None where it is none."""
        if len(text) > LONGEST:
            return None
        text = self.bare(text)
        if not self.pattern.fullmatch(text):
            return None
        for mark in self.dialect.between_thousands:
            text = text.replace(mark, "")
        return text.replace(self.dialect.decimal, ".")

    def number(self, text: str) -> float | None:
        """The number of a text; None where it is none."""
        plain = self.plain(text)
        return None if plain is None else float(plain)


@dataclass(frozen=True)
class Likeness:
    """How a text that is no number looks like one.

    Attributes:
        unit: what stands before or behind it; "" for nothing. money: whether that is a currency or a percent sign.
        core: its digits and marks. odd: in words a notation that no option reads, such as "a hexadecimal number".
    """

    unit: str
    money: bool
    core: str
    odd: str = ""


def likeness(text: str) -> Likeness | None:
    """What number a text looks like; None for another text."""
    if len(text) > LONGEST:
        return None
    text = text.strip().replace(MINUS, "-")
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        inner = likeness(text[1:-1])
        return inner and replace(inner, money=True, odd="a number in quotation marks")
    if HEXADECIMAL.fullmatch(text):
        return Likeness("", True, text, "a hexadecimal number")
    if FRACTION.fullmatch(text):
        return Likeness("", False, text, "a fraction")
    found = SHAPE.fullmatch(text)
    if found is None:
        return None
    before, core, after = found["before"].strip(SPACES), found["core"], found["after"].strip(SPACES)
    if before.endswith("(") and after.startswith(")"):
        return Likeness(before[:-1] or after[1:], True, core, "a negative number in brackets")
    if after.endswith("-") and not before:
        return Likeness(after[:-1], True, core, "a minus behind the number")
    before = before.strip("+-" + SPACES)
    if (before and after) or not (READABLE.fullmatch(core) or GROUPED.fullmatch(core)):
        return None
    if before:
        known = _is_currency(before)
        return Likeness(before, True, core) if known else None
    if GROUPED.fullmatch(core):
        return Likeness(after, True, core, "digits in groups that are not of three")
    if len(after) > 6 or any(mark in after for mark in "+-/:;()[]"):
        return None
    if after in MAGNITUDES:
        return Likeness(after, False, core, "a number with its magnitude as a letter")
    return Likeness(after, after in ("%", "\u2030") or _is_currency(after), core)


def _is_currency(mark: str) -> bool:
    return mark in CURRENCIES or (len(mark) <= 3 and any(unicodedata.category(each) == "Sc" for each in mark))


def options_that_read(texts: list[str], dialect: Dialect) -> list[tuple[str, float]]:
    """What to add to a command line so that all of `texts` are numbers, and what the first of them then is: several
    where the texts say no more than that they are one of two numbers; none where texts have different units."""
    alikes = [alike for text in texts if (alike := likeness(text)) is not None]
    units = list(dict.fromkeys(alike.unit for alike in alikes if alike.unit and alike.unit not in dialect.units))
    if len(units) > 1 or any(alike.odd for alike in alikes):
        return []
    found: dict[tuple[float | None, ...], str] = {}
    for decimal, thousands in NOTATIONS:
        other = replace(dialect, decimal=decimal, thousands=thousands, units=(*dialect.units, *units), separator="\t")
        reader = Reader(other)
        numbers = tuple(map(reader.number, texts))
        changed = _changed(dialect, decimal, thousands, units)
        if None not in numbers and (numbers not in found or len(changed) < len(found[numbers])):
            found[numbers] = changed
    return [(changed, numbers[0]) for numbers, changed in found.items() if numbers[0] is not None]


def _changed(dialect: Dialect, decimal: str, thousands: str | None, units: list[str]) -> str:
    """As a shell takes it."""
    parts = [f"\"data.decimal='{decimal}'\""] if decimal != dialect.decimal else []
    if thousands != dialect.thousands:
        name = next((name for name, mark in NAMED.items() if mark == thousands), None)
        shown = name or ("null" if thousands is None else f"'{thousands}'")
        parts.append(f'"data.thousands={shown}"')
    if units:
        listed = ",".join(f"'{unit}'" for unit in (*dialect.units, *units))
        parts.append(f'"data.units=[{listed}]"')
    return " ".join(parts)
