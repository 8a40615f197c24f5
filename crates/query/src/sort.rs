//! Sort keys, `-age,name`, and plain lists of fields: `state,namespace`.

use pilothouse_model::{Column, ColumnKind, Field, Sort};

use crate::error::QueryError;
use crate::field;

/// Reads sort keys, `-age,name`: fields separated by commas, each with a `-` when its greatest value is to come first;
/// `label:app` sorts by the value of a label. Empty text gives none.
///
/// Ages sort as they are shown: `age` puts the youngest first, `-age` the oldest. `created` sorts by date.
pub fn parse_sort(text: &str, columns: &[Column]) -> Result<Vec<Sort>, QueryError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut start = 0;
    let mut sorts = Vec::new();
    for part in text.split(',') {
        sorts.push(key(part, start, columns)?);
        start += part.len() + 1;
    }
    Ok(sorts)
}

/// Reads fields separated by commas, `state,namespace`, each with its name as it was written; `label:app` is the value of a
/// label.
pub fn parse_fields(text: &str, columns: &[Column]) -> Result<Vec<(String, Field)>, QueryError> {
    let mut start = 0;
    let mut fields = Vec::new();
    for part in text.split(',') {
        let word = part.trim();
        let at = start + part.len() - part.trim_start().len();
        if word.is_empty() || word.starts_with('-') {
            let message = if word.is_empty() { "a field is missing" } else { "a field is named without a `-` here" };
            return Err(QueryError::new(at..at + word.len(), message));
        }
        fields.push((word.to_owned(), key(part, start, columns)?.field));
        start += part.len() + 1;
    }
    Ok(fields)
}

fn key(part: &str, start: usize, columns: &[Column]) -> Result<Sort, QueryError> {
    let start = start + part.len() - part.trim_start().len();
    let word = part.trim();
    let (name, descending) = word.strip_prefix('-').map_or((word, false), |name| (name, true));
    let span = start + word.len() - name.len()..start + word.len();
    if name.is_empty() {
        return Err(QueryError::new(start..start + word.len(), "a field to sort by is missing"));
    }
    if let Some(label) = name.strip_prefix("label:") {
        return match label {
            "" => Err(QueryError::new(span, "a label is missing after `label:`")),
            label => Ok(Sort { field: Field::Label(label.into()), descending }),
        };
    }
    let Some(known) = field::find(name, columns) else {
        return Err(field::unknown(name, span, columns, &[]));
    };
    // An age grows as its moment falls back.
    let is_age = match &known.field {
        Field::Created => name.eq_ignore_ascii_case("age"),
        Field::Column(index) => columns.get(*index).is_some_and(|column| column.kind == ColumnKind::Age),
        _ => false,
    };
    Ok(Sort { field: known.field, descending: descending != is_age })
}
