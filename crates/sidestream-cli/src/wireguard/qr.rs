//! Drawing a text for a phone's camera.

use qrcodegen::{QrCode, QrCodeEcc};

use super::WireguardError;

/// The margin that readers need, in squares (ISO/IEC 18004 asks for 4; they make do with less).
const MARGIN: i32 = 2;

/// Draws a text with half blocks, two rows of squares a line; the light ones are the characters.
/// With colors it is light on black whatever the terminal's own are.
///
/// # Errors
///
/// It is longer than what can be drawn.
pub fn draw(text: &str, colored: bool) -> Result<String, WireguardError> {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Low) else {
        return Err(WireguardError::TooLong);
    };
    let is_light = |x, y| !code.get_module(x, y);
    let (begin, end) = if colored { ("\x1b[40;97m", "\x1b[0m") } else { ("", "") };
    let (from, to) = (-MARGIN, code.size() + MARGIN);
    let mut drawn = String::new();
    for y in (from..to).step_by(2) {
        drawn += begin;
        // Below the last row there is nothing, which is dark.
        let squares =
            (from..to).map(|x| match (is_light(x, y), y + 1 < to && is_light(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        drawn.extend(squares);
        drawn += end;
        drawn += "\n";
    }
    Ok(drawn)
}
