"""Check digits: what tells a real card, account or company number from a number that only looks like one.

Every function takes plain ASCII digits (``iban_mod97`` also capital letters) and answers whether the check
digits agree.
"""

_DOUBLED = {str(digit): sum(divmod(2 * digit, 10)) for digit in range(10)}
_CNPJ_WEIGHTS = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)


def luhn(digits: str) -> bool:
    """Payment cards (ISO/IEC 7812-1, annex B)."""
    plain = sum(map(int, digits[::-2]))
    doubled = sum(_DOUBLED[digit] for digit in digits[-2::-2])
    return (plain + doubled) % 10 == 0


def iban_mod97(iban: str) -> bool:
    """Bank accounts (ISO 13616): the country and check digits go to the end, letters count from A = 10."""
    return int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1


def cnpj(digits: str) -> bool:
    """Brazilian company numbers, 14 digits; a repeated digit passes the sum and is still nobody's number."""
    if len(digits) != 14 or digits == digits[0] * 14:
        return False
    return all(_cnpj_digit(digits[:length]) == digits[length] for length in (12, 13))


def _cnpj_digit(digits: str) -> str:
    weighted = zip(digits, _CNPJ_WEIGHTS[-len(digits) :], strict=True)
    rest = sum(int(digit) * weight for digit, weight in weighted) % 11
    return str(0 if rest < 2 else 11 - rest)
