//! The query part of a URL.

use percent_encoding::percent_decode_str;

/// Parameters, in order; the first of a name counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c=d`; what is not UTF-8 is replaced.
    pub(crate) fn parse(text: &str) -> Self {
        let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        Self(
            text.split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        )
    }

    /// A parameter that is there and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, value)| own == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Whether a switch is on; a bare name counts as on.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.0.iter().any(|(own, value)| own == name && matches!(value.as_str(), "" | "true" | "1" | "True"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_and_finds() {
        let query = Query::parse("watch&limit=5&labelSelector=a%3Db+c&x=&dryRun=All");
        assert!(query.flag("watch"));
        assert!(!query.flag("limit"));
        assert_eq!(query.get("labelSelector"), Some("a=b c"));
        assert_eq!(query.get("x"), None);
    }
}
