//! Which redirects of a mirror are followed.

use reqwest::Url;
use reqwest::redirect::Policy;

use super::mirror::without_user;

/// Why a redirect is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum RefusedRedirect {
    #[error("more than {0} redirects in a row")]
    TooMany(usize),
    #[error("from `https` down to `{0}`")]
    Downgrade(Url),
    #[error("to `{0}`, which is neither `http` nor `https`")]
    Scheme(Url),
}

/// Follows at most `most` redirects, to `http` and `https` only, and never from `https` to `http`.
pub(super) fn policy(most: usize) -> Policy {
    Policy::custom(move |attempt| {
        let from_https = attempt
            .previous()
            .last()
            .is_some_and(|from| from.scheme() == "https");
        match refuse(attempt.previous().len(), most, from_https, attempt.url()) {
            Some(refused) => attempt.error(refused),
            None => attempt.follow(),
        }
    })
}

fn refuse(followed: usize, most: usize, from_https: bool, to: &Url) -> Option<RefusedRedirect> {
    if followed > most {
        Some(RefusedRedirect::TooMany(most))
    } else if !matches!(to.scheme(), "http" | "https") {
        Some(RefusedRedirect::Scheme(without_user(to)))
    } else if from_https && to.scheme() != "https" {
        Some(RefusedRedirect::Downgrade(without_user(to)))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_bounded_and_never_weaken_the_transport() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        let http = url("http://archive.test/x");
        let https = url("https://archive.test/x");
        assert_eq!(refuse(1, 5, false, &http), None);
        assert_eq!(refuse(1, 5, false, &https), None);
        assert_eq!(refuse(1, 5, true, &https), None);
        assert_eq!(
            refuse(1, 5, true, &http),
            Some(RefusedRedirect::Downgrade(http.clone()))
        );
        assert_eq!(
            refuse(6, 5, false, &http),
            Some(RefusedRedirect::TooMany(5))
        );
        let file = url("file:///srv/x");
        assert_eq!(
            refuse(1, 5, false, &file),
            Some(RefusedRedirect::Scheme(file.clone()))
        );
    }
}
