//! Whole numbers as policies spell them.

/// Why a spelling is not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NumberError {
    /// Other characters than digits of the base.
    #[error("not a whole number")]
    Spelling,
    /// More digits than any argument has.
    #[error("too many digits")]
    TooLarge,
}

/// Reads decimal, `0x…`, `0o…` or `0…` (octal) and `0b…`, with an optional sign.
///
/// # Errors
/// [`NumberError`]; an underscore is one, because readers disagree whether it belongs to a number.
pub(super) fn parse(text: &str) -> Result<i128, NumberError> {
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = unsigned.to_ascii_lowercase();
    let (digits, radix) = if let Some(hexadecimal) = lower.strip_prefix("0x") {
        (hexadecimal, 16)
    } else if let Some(octal) = lower.strip_prefix("0o") {
        (octal, 8)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        (binary, 2)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (&lower[1..], 8)
    } else {
        (lower.as_str(), 10)
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(NumberError::Spelling);
    }
    let value = i128::from_str_radix(digits, radix).map_err(|_| NumberError::TooLarge)?;
    Ok(if negative { -value } else { value })
}

/// The value as a hook would see it: two's complement, extended to 64 bits by the sign; `None` if the type cannot have it.
pub(super) fn to_wire_width(value: i128, signed: bool, bits: u8) -> Option<u64> {
    let (lowest, highest) = range(signed, bits);
    if !(lowest..=highest).contains(&value) {
        return None;
    }
    if signed { i64::try_from(value).ok().map(i64::cast_unsigned) } else { u64::try_from(value).ok() }
}

/// Lowest and highest value of a width.
pub(super) const fn range(signed: bool, bits: u8) -> (i128, i128) {
    if signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", Ok(0))]
    #[case("42", Ok(42))]
    #[case("-1", Ok(-1))]
    #[case("+7", Ok(7))]
    #[case("0x1F", Ok(31))]
    #[case("-0x10", Ok(-16))]
    #[case("0o17", Ok(15))]
    #[case("017", Ok(15))]
    #[case("0b101", Ok(5))]
    #[case("", Err(NumberError::Spelling))]
    #[case("-", Err(NumberError::Spelling))]
    #[case("0x", Err(NumberError::Spelling))]
    #[case("08", Err(NumberError::Spelling))]
    #[case("1_000", Err(NumberError::Spelling))]
    #[case(" 1", Err(NumberError::Spelling))]
    #[case("--1", Err(NumberError::Spelling))]
    #[case("1e3", Err(NumberError::Spelling))]
    #[case("999999999999999999999999999999999999999999", Err(NumberError::TooLarge))]
    fn spellings_of_numbers(#[case] text: &str, #[case] expected: Result<i128, NumberError>) {
        assert_eq!(parse(text), expected);
    }

    #[rstest]
    #[case(-128, true, 8, Some(0xffff_ffff_ffff_ff80))]
    #[case(127, true, 8, Some(127))]
    #[case(128, true, 8, None)]
    #[case(-129, true, 8, None)]
    #[case(255, false, 8, Some(255))]
    #[case(256, false, 8, None)]
    #[case(-1, false, 64, None)]
    #[case(-1, true, 32, Some(u64::MAX))]
    #[case(i128::from(u64::MAX), false, 64, Some(u64::MAX))]
    #[case(i128::from(u64::MAX) + 1, false, 64, None)]
    #[case(i128::from(i64::MIN), true, 64, Some(1 << 63))]
    fn numbers_are_extended_by_the_sign_of_their_type(
        #[case] value: i128,
        #[case] signed: bool,
        #[case] bits: u8,
        #[case] expected: Option<u64>,
    ) {
        assert_eq!(to_wire_width(value, signed, bits), expected);
    }

    proptest! {
        #[test]
        fn every_spelling_of_a_number_reads_back(value in any::<i64>()) {
            let wide = i128::from(value);
            let (sign, magnitude) = (if wide < 0 { "-" } else { "" }, wide.unsigned_abs());
            prop_assert_eq!(parse(&value.to_string()), Ok(wide));
            prop_assert_eq!(parse(&format!("{sign}{magnitude:#x}")), Ok(wide));
            prop_assert_eq!(parse(&format!("{sign}{magnitude:#o}")), Ok(wide));
            prop_assert_eq!(parse(&format!("{sign}{magnitude:#b}")), Ok(wide));
            prop_assert_eq!(parse(&format!("{sign}0{magnitude:o}")), Ok(wide));
        }
    }
}
