//! Who asks: users by bearer token, and those they act as.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use http::{HeaderMap, header};
use subtle::ConstantTimeEq;

use crate::failure::Failure;

/// The group that may do everything.
pub(crate) const MASTERS: &str = "system:masters";

/// A person or program that may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Name, as role bindings name it.
    pub name: String,
    /// Groups, besides `system:authenticated`.
    pub groups: Vec<String>,
}

impl User {
    /// A user in these groups.
    pub fn new(name: &str, groups: &[&str]) -> Self {
        Self { name: name.to_owned(), groups: groups.iter().map(|group| (*group).to_owned()).collect() }
    }

    /// The user whom every server knows: `admin`, who may do everything.
    pub fn admin() -> Self {
        Self::new("admin", &[MASTERS])
    }

    /// What a service account is called as a user.
    pub(crate) fn service_account(namespace: &str, name: &str) -> Self {
        Self {
            name: format!("system:serviceaccount:{namespace}:{name}"),
            groups: vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")],
        }
    }

    /// Whether the user is in a group, `system:authenticated` among them.
    pub(crate) fn is_in(&self, group: &str) -> bool {
        group == "system:authenticated" || self.groups.iter().any(|own| own == group)
    }
}

/// The tokens and whom they stand for.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    known: RwLock<HashMap<String, User>>,
}

impl Tokens {
    /// Lets `token` stand for `user`.
    pub(crate) fn add(&self, token: String, user: User) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(token, user);
    }

    /// Whom a token stands for; compares in constant time.
    pub(crate) fn user(&self, token: &str) -> Option<User> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        for (candidate, user) in known.iter() {
            if bool::from(candidate.as_bytes().ct_eq(token.as_bytes())) {
                found = Some(user.clone());
            }
        }
        found
    }

    /// Who sent a request.
    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Result<User, Failure> {
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            header.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        token.and_then(|(_, token)| self.user(token.trim())).ok_or_else(Failure::unauthorized)
    }
}

/// Whom a request asks to act as, by the impersonation headers.
pub(crate) fn impersonated(headers: &HeaderMap) -> Option<User> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let name = text("impersonate-user")?.to_owned();
    let groups = headers.get_all("impersonate-group").iter().filter_map(|value| value.to_str().ok()).map(str::to_owned);
    let mut user = User { groups: groups.collect(), name };
    if user.groups.is_empty()
        && let Some((namespace, name)) =
            user.name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'))
    {
        user = User::service_account(namespace, name);
    }
    Some(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_token_opens() {
        let tokens = Tokens::default();
        tokens.add("abc".to_owned(), User::admin());
        assert_eq!(tokens.user("abc"), Some(User::admin()));
        assert_eq!(tokens.user("ab"), None);
        assert_eq!(tokens.user(""), None);
        let mut headers = HeaderMap::new();
        assert!(tokens.authenticate(&headers).is_err());
        headers.insert(header::AUTHORIZATION, "Bearer abc".parse().unwrap());
        assert_eq!(tokens.authenticate(&headers).unwrap().name, "admin");
    }
}
