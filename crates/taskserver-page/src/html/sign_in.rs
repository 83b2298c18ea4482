//! Where an operator signs in.

use maud::html;

use super::layout;
use crate::outcome::Tone;

/// The form. `next` is the path that is asked for; `problem` says why the last attempt did not succeed.
pub(crate) fn sign_in(next: &str, problem: Option<&str>) -> String {
    let content = html! {
        form.sign-in method="post" action="/login" {
            h1 { "Sign in" }
            p { "Show what you would send as a bearer token: an operator’s token, an API key of the platform, or one of its JWTs." }
            @if let Some(problem) = problem { p.notice #problem role="alert" { (Tone::Bad.sign()) (problem) } }
            input type="hidden" name="next" value=(next);
            label {
                "Token"
                input #token type="password" name="token" required autocomplete="current-password" autofocus
                    spellcheck="false" aria-describedby=[problem.map(|_| "problem")];
            }
            button.primary type="submit" { "Sign in" }
        }
    };
    layout::bare("Sign in", &content)
}
