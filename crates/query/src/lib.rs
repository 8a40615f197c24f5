//! Floor 2: the query language, from text to a typed plan.

mod error;

pub use error::QueryError;
use pilothouse_model::{Column, Filter, Sort};

/// Reads a question about a table with these columns; empty text asks for every row.
pub fn parse(text: &str, columns: &[Column]) -> Result<Filter, QueryError> {
    let _columns = columns;
    Ok(match text.split_whitespace().map(|word| Filter::Text(word.to_lowercase().into())).collect::<Vec<_>>() {
        words if words.is_empty() => Filter::All,
        words => Filter::And(words),
    })
}

/// Reads sort keys, `-age,name`; empty text gives none.
pub fn parse_sort(text: &str, columns: &[Column]) -> Result<Vec<Sort>, QueryError> {
    let _columns = columns;
    match text.trim() {
        "" => Ok(Vec::new()),
        word => Err(QueryError::new(0..text.len(), format!("`{word}` is not a field to sort by"))),
    }
}
