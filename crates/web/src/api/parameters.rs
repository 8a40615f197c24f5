//! What an operation may be asked: a parameter that it cannot use is refused, never passed over.

use axum::extract::{Query, Request};
use axum::middleware::Next;
use axum::response::Response;
use pilothouse_app::{AppError, ErrorKind, Operation};

use crate::failure;
use crate::question::Pairs;

/// The short names that pages use, and what they are short for.
const SHORT: [(&str, &str); 2] = [("ns", "namespace"), ("l", "labelSelector")];

/// What may be given several times: each is one more.
const REPEATED: [&str; 2] = ["cluster", "namespace"];

/// Where an empty text has a meaning: all, the usual, from the beginning. Anywhere else it comes from a script whose variable
/// is not set, and nothing may be done or read as if it were left out.
const MAY_BE_EMPTY: [&str; 8] = ["q", "namespace", "labelSelector", "sort", "cluster", "after", "by", "resource"];

/// Refuses parameters that an operation does not have: ignored, they would answer another question than the one asked.
pub(super) async fn known(operation: &'static Operation, request: Request, next: Next) -> Response {
    match Query::<Pairs>::try_from_uri(request.uri()) {
        Ok(Query(pairs)) => match checked(operation, &pairs) {
            Ok(()) => next.run(request).await,
            Err(error) => failure::api(&error),
        },
        Err(_) => failure::api(&AppError::new(ErrorKind::BadInput, "the parameters of this address cannot be decoded")),
    }
}

/// The name by which the operations call it.
fn meant(name: &str) -> &str {
    SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| long)
}

fn checked(operation: &Operation, pairs: &Pairs) -> Result<(), AppError> {
    doubled(operation, pairs)?;
    unknown(operation, pairs)?;
    match pairs.iter().find(|(name, value)| value.trim().is_empty() && !MAY_BE_EMPTY.contains(&meant(name))) {
        Some((name, _)) => {
            Err(AppError::new(ErrorKind::BadInput, format!("`{name}` is empty"))
                .hint("give it a value, or leave it out"))
        }
        None => Ok(()),
    }
}

fn doubled(operation: &Operation, pairs: &Pairs) -> Result<(), AppError> {
    let refused = |message| Err(AppError::new(ErrorKind::BadInput, message));
    for (at, (name, _)) in pairs.iter().enumerate() {
        let Some((before, _)) = pairs[..at].iter().find(|(before, _)| meant(before) == meant(name)) else { continue };
        if before != name {
            let message = format!("`{before}` and `{name}` are the same parameter of {}", operation.id);
            return refused(message).map_err(|error| error.hint("leave one of them out"));
        }
        if !REPEATED.contains(&meant(name)) {
            let message = format!("{} takes one `{name}`, not several", operation.id);
            return refused(message).map_err(|error| error.hint("leave all but one of them out"));
        }
    }
    Ok(())
}

fn unknown(operation: &Operation, pairs: &Pairs) -> Result<(), AppError> {
    let known: Vec<&str> = operation.parameters.iter().map(|parameter| parameter.name).collect();
    let odd: Vec<String> =
        pairs.iter().filter(|(name, _)| !known.contains(&meant(name))).map(|(name, _)| format!("`{name}`")).collect();
    if odd.is_empty() {
        return Ok(());
    }
    let hint = match known.as_slice() {
        [] => "it takes none".to_owned(),
        known => format!("it takes {}", known.join(", ")),
    };
    let words = if odd.len() == 1 { "parameter" } else { "parameters" };
    let message = format!("{} does not know the {words} {}", operation.id, odd.join(", "));
    Err(AppError::new(ErrorKind::BadInput, message).hint(hint))
}

#[cfg(test)]
mod tests {
    use pilothouse_app::OPERATIONS;

    use super::*;

    fn operation(id: &str) -> &'static Operation {
        OPERATIONS.iter().find(|operation| operation.id == id).unwrap()
    }

    fn asked(id: &str, names: &[&str]) -> Result<(), AppError> {
        checked(operation(id), &names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect())
    }

    #[test]
    fn parameters_that_nobody_knows_are_named() {
        for good in [&["q", "namespace", "limit"][..], &["ns", "l", "sort"], &[]] {
            assert_eq!(asked("listObjects", good), Ok(()), "{good:?}");
        }
        let error = asked("listObjects", &["q", "limitt", "wide"]).unwrap_err();
        assert_eq!(error.message, "listObjects does not know the parameters `limitt`, `wide`");
        assert!(error.hint.unwrap().contains("labelSelector"));
        assert!(asked("getObject", &["ns"]).is_err());
        // A short name is known where the long one is.
        assert!(asked("search", &["l"]).is_err() && asked("search", &["ns"]).is_ok());
    }

    #[test]
    fn one_parameter_is_given_once_and_under_one_name() {
        assert_eq!(asked("listObjects", &["namespace", "namespace", "q"]), Ok(()));
        assert_eq!(asked("listObjects", &["ns", "ns"]), Ok(()));
        assert_eq!(asked("listAllObjects", &["cluster", "cluster"]), Ok(()));
        let error = asked("listObjects", &["limit", "q", "limit"]).unwrap_err();
        assert_eq!(error.message, "listObjects takes one `limit`, not several");
        assert_eq!(asked("listObjects", &["l", "l"]).unwrap_err().message, "listObjects takes one `l`, not several");
        for (one, other) in [("ns", "namespace"), ("l", "labelSelector"), ("labelSelector", "l"), ("namespace", "ns")] {
            let error = asked("listObjects", &[one, "q", other]).unwrap_err();
            assert_eq!(error.message, format!("`{one}` and `{other}` are the same parameter of listObjects"));
        }
    }

    #[test]
    fn an_empty_text_is_refused_where_it_has_no_meaning() {
        for operation in OPERATIONS {
            for parameter in operation.parameters {
                for text in ["", " "] {
                    let result = checked(operation, &vec![(parameter.name.to_owned(), text.to_owned())]);
                    let means_all = MAY_BE_EMPTY.contains(&parameter.name);
                    assert_eq!(result.is_ok(), means_all, "{} {}", operation.id, parameter.name);
                    assert!(!means_all || parameter.kind == "string", "{} {}", operation.id, parameter.name);
                    if let Err(error) = result {
                        assert_eq!(error.message, format!("`{}` is empty", parameter.name));
                    }
                }
            }
        }
        let short = vec![("ns".to_owned(), String::new()), ("l".to_owned(), String::new())];
        assert_eq!(checked(operation("listObjects"), &short), Ok(()));
    }
}
