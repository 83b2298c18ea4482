//! Text that somebody else has written, such as the message of a Kubernetes event: hostile until proven otherwise.
//!
//! Templates escape markup. What is left is text that deceives the eye: controls that turn the direction of writing around, that
//! are invisible, or that a terminal would obey. They are shown by their code points, and each text is isolated from its
//! surroundings, so that it cannot reorder them.

use maud::{Markup, html};

/// How many characters of one text are shown.
const LONGEST: usize = 2000;

/// Text of unknown origin.
pub(crate) fn foreign(text: &str) -> Markup {
    up_to(text, LONGEST)
}

/// Text of unknown origin that is meant to be long.
pub(crate) fn foreign_whole(text: &str) -> Markup {
    up_to(text, 100 * LONGEST)
}

fn up_to(text: &str, longest: usize) -> Markup {
    let cut = text.char_indices().nth(longest).map(|(end, _)| end);
    let shown = &text[..cut.unwrap_or(text.len())];
    html! {
        bdi {
            @for part in shown.split_inclusive(is_deceptive) {
                @let deceptive = part.chars().next_back().filter(|last| is_deceptive(*last));
                (part.strip_suffix(is_deceptive).unwrap_or(part))
                @if let Some(character) = deceptive {
                    span.control title="a character that is not shown, by its code" { (code(character)) }
                }
            }
            @if cut.is_some() { "… (cut)" }
        }
    }
}

/// Text of unknown origin for places where there is no markup, such as a title.
pub(crate) fn foreign_plain(text: &str) -> String {
    let mut plain = String::new();
    for character in text.chars().take(LONGEST) {
        if is_deceptive(character) {
            plain.push_str(&code(character));
        } else {
            plain.push(character);
        }
    }
    plain
}

fn code(character: char) -> String {
    format!("⟨U+{:04X}⟩", u32::from(character))
}

/// Whether a character changes how others look, or cannot be seen. Line breaks and tabs are neither.
fn is_deceptive(character: char) -> bool {
    match character {
        '\n' | '\t' | '\r' => false,
        // Bidirectional controls, zero-width characters, line separators, the soft hyphen, the byte order mark, tags, noncharacters.
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}' | '\u{e0000}'..='\u{e0fff}' => true,
        _ => character.is_control() || u32::from(character) & 0xfffe == 0xfffe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_foreign_text_is_shown_and_not_obeyed() {
        assert_eq!(
            foreign("<img src=x onerror=alert(1)>&\"").into_string(),
            "<bdi>&lt;img src=x onerror=alert(1)&gt;&amp;&quot;</bdi>"
        );
    }

    #[test]
    fn what_deceives_the_eye_is_shown_by_its_code() {
        let shown = foreign("pull\u{202e}gpj.exe\u{0}").into_string();
        assert!(shown.starts_with("<bdi>pull<span"), "{shown}");
        assert!(shown.contains("⟨U+202E⟩</span>gpj.exe<span") && shown.contains("⟨U+0000⟩"), "{shown}");
        assert!(!shown.contains('\u{202e}'));
        assert_eq!(foreign_plain("a\u{200b}b\nc"), "a⟨U+200B⟩b\nc");
    }

    #[test]
    fn long_text_is_cut() {
        let shown = foreign(&"ä".repeat(LONGEST + 1)).into_string();
        assert_eq!(shown.matches('ä').count(), LONGEST);
        assert!(shown.ends_with("… (cut)</bdi>"));
    }
}
