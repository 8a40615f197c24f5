//! What a token says of itself, unproven: good for a name to show and an end to expect, never to decide anything.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The claims of a JSON web token; `None` when it is none.
pub(crate) fn read(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    (parts.next().is_none() && claims.is_object()).then_some(claims)
}

/// The name that the claims give; `chosen` is the claim that the API server was told to use.
pub(crate) fn name(claims: &Value, chosen: Option<&str>) -> Option<String> {
    let text = |claim: &str| claims.get(claim).and_then(Value::as_str).filter(|text| !text.is_empty());
    let usual = ["preferred_username", "email", "sub"];
    chosen.into_iter().chain(usual).find_map(text).map(str::to_owned)
}

/// When it ends, in seconds since 1970.
pub(crate) fn end(claims: &Value) -> Option<i64> {
    claims.get("exp")?.as_f64().filter(|end| end.is_finite()).map(|end| end as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_tell_a_name_and_an_end_or_nothing() {
        let claims = json!({"sub": "1234", "email": "ada@example.com", "exp": 1_700_000_000.5, "login": "ada"});
        let token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let told = read(&token).unwrap();
        assert_eq!(name(&told, None).unwrap(), "ada@example.com");
        assert_eq!(name(&told, Some("login")).unwrap(), "ada");
        assert_eq!(name(&told, Some("missing")).unwrap(), "ada@example.com");
        assert_eq!(end(&told), Some(1_700_000_000));
        for odd in ["", "opaque", "a.b", "e30.e30", "a.%%.c", "e30.W10.x", "e30.e30.x.y"] {
            assert_eq!(read(odd), None, "{odd}");
        }
        assert_eq!(read("e30.e30.x").and_then(|claims| end(&claims)), None);
    }
}
