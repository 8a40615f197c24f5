//! The tree to a filter: fields found, values read.

use pilothouse_model::filter::Pattern;
use pilothouse_model::{Column, Comparison, Field, Filter, LabelSelector, Level, Operand, State};

use crate::error::QueryError;
use crate::field::{self, Kind, Known};
use crate::syntax::Syntax;
use crate::token::{Form, Operator, Spanned, Value};
use crate::value::{self, Reading};

pub(crate) fn resolve(syntax: &Syntax, columns: &[Column]) -> Result<Filter, QueryError> {
    let every = |parts: &[Syntax]| parts.iter().map(|part| resolve(part, columns)).collect::<Result<Vec<_>, _>>();
    match syntax {
        Syntax::And(parts) => Ok(Filter::And(every(parts)?)),
        Syntax::Or(parts) => Ok(Filter::Or(every(parts)?)),
        Syntax::Not(part) => Ok(Filter::Not(Box::new(resolve(part, columns)?))),
        Syntax::Word(word) => free_text(word, columns),
        Syntax::Labels(selector) => labels(selector),
        Syntax::Term(name, values) => any_of(values, |value| term(name, value, columns)),
    }
}

fn any_of(values: &[Value], read: impl Fn(&Value) -> Result<Filter, QueryError>) -> Result<Filter, QueryError> {
    let mut filters = values.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    match filters.pop() {
        Some(only) if filters.is_empty() => Ok(only),
        last => {
            filters.extend(last);
            Ok(Filter::Or(filters))
        }
    }
}

/// Free text matches anywhere, so that wildcards at its ends say nothing more.
fn free_text(word: &Spanned, columns: &[Column]) -> Result<Filter, QueryError> {
    if word.is_pattern() {
        return pattern(word).map(Filter::Mentions);
    }
    if word.is_quoted() {
        return Ok(Filter::Text(word.text.to_lowercase().into()));
    }
    let text = &word.text;
    if let Some(sign) = text.find(['<', '>', '=']).filter(|at| field::find(&text[..*at], columns).is_some()) {
        let (name, value) = text.split_at(sign);
        return Err(QueryError::new(word.span.clone(), format!("a comparison needs a colon after `{name}`"))
            .suggest(Some(format!("{name}:{value}"))));
    }
    let needle = text.trim_matches('*');
    if needle.is_empty() {
        return Ok(Filter::All);
    }
    if needle.contains(['*', '?']) {
        let wild = Pattern::wild(needle).map_err(|error| QueryError::new(word.span.clone(), error.message))?;
        return Ok(Filter::Mentions(wild));
    }
    Ok(Filter::Text(needle.to_lowercase().into()))
}

/// A regular expression; an error points into it.
fn pattern(text: &Spanned) -> Result<Pattern, QueryError> {
    Pattern::new(&text.text).map_err(|error| {
        let start = text.span.start;
        let span = start + error.span.start..start + error.span.end;
        QueryError::new(span, format!("`/{}/` is not a regular expression: {}", text.text, error.message))
    })
}

fn labels(selector: &Spanned) -> Result<Filter, QueryError> {
    selector.text.parse::<LabelSelector>().map(Filter::Labels).map_err(|error| {
        // Point at the requirement that is wrong, where it stands in the text as it was written.
        // In quotes that holds as long as nothing in them is escaped.
        let quote = usize::from(selector.is_quoted());
        let written = selector.span.len() == selector.text.len() + 2 * quote;
        let place = if written { selector.text.find(error.text.as_str()) } else { None };
        let span = match place {
            Some(at) if !error.text.is_empty() => {
                let start = selector.span.start + quote + at;
                start..start + error.text.len()
            }
            _ => selector.span.clone(),
        };
        QueryError::new(span, error.to_string())
    })
}

fn term(name: &Spanned, value: &Value, columns: &[Column]) -> Result<Filter, QueryError> {
    match name.text.to_lowercase().as_str() {
        "has" => {
            let field = plain(name, value)?;
            let unknown = || field::unknown(field, value.text.span.clone(), columns, &[]);
            Ok(Filter::Exists(field::find(field, columns).ok_or_else(unknown)?.field))
        }
        "is" => {
            let word = plain(name, value)?;
            if word.eq_ignore_ascii_case("deleting") {
                return Ok(Filter::Exists(Field::Deleted));
            }
            let group = state_group(word, &value.text)?;
            // The groups are of workload states; other rows have words of their own, which no group knows.
            if field::has_states(columns) {
                return Ok(group);
            }
            let message = "`is` asks for groups of workload states, which these rows do not have: \
                           ask with `state:`, `level:` or `is:deleting` here, or with `is` of workloads";
            Err(QueryError::new(name.span.clone(), message.to_owned()))
        }
        _ => match field::find(&name.text, columns) {
            Some(known) => condition(name, &known, value, columns),
            None => Err(field::unknown(&name.text, name.span.clone(), columns, &field::OTHERS)),
        },
    }
}

/// Words of states are open, save that one which is nearly the word of a workload's state is a slip.
fn no_slip(name: &Spanned, value: &Value) -> Result<(), QueryError> {
    let word = value.text.text.as_str();
    let states = State::ALL.map(|state| state.as_str().to_lowercase());
    let states: Vec<&str> = states.iter().map(String::as_str).collect();
    let plain = value.text.form == Form::Bare && !word.contains(['*', '?']);
    let equals = matches!(value.operator, None | Some(Operator::Equal));
    if !plain || !equals || states.contains(&word.to_lowercase().as_str()) {
        return Ok(());
    }
    match field::closest(word, &states) {
        None => Ok(()),
        close => {
            let message = format!("no `{}` of workloads is called `{word}`; in quotes it is taken as it is", name.text);
            Err(QueryError::new(value.text.span.clone(), message).suggest(close))
        }
    }
}

/// The value of a field that takes no comparison.
fn plain<'a>(name: &Spanned, value: &'a Value) -> Result<&'a str, QueryError> {
    if value.text.is_pattern() {
        let message = format!("`{}` takes a word, not a regular expression", name.text);
        return Err(QueryError::new(value.span.clone(), message));
    }
    plain_operator(name, value)?;
    Ok(&value.text.text)
}

fn plain_operator(name: &Spanned, value: &Value) -> Result<(), QueryError> {
    match value.operator {
        None | Some(Operator::Equal) => Ok(()),
        Some(_) => Err(QueryError::new(value.span.clone(), format!("`{}` takes a word, not a comparison", name.text))),
    }
}

fn state_group(word: &str, at: &Spanned) -> Result<Filter, QueryError> {
    let within: fn(State) -> bool = match word.to_lowercase().as_str() {
        "active" => State::is_active,
        "finished" => State::is_over,
        "failed" => |state| state == State::Failed,
        _ => {
            let close = field::closest(word, &field::GROUPS);
            let message = format!("`is` takes {}, not `{word}`", one_of(&field::GROUPS));
            return Err(QueryError::new(at.span.clone(), message).suggest(close));
        }
    };
    let is = |state: State| Filter::Compare(Field::State, Comparison::Equal, Operand::Exact(state.as_str().into()));
    Ok(Filter::Or(State::ALL.into_iter().filter(|state| within(*state)).map(is).collect()))
}

fn one_of(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

fn condition(name: &Spanned, known: &Known, value: &Value, columns: &[Column]) -> Result<Filter, QueryError> {
    let text = &value.text.text;
    if text.starts_with('!') && value.text.form == Form::Bare {
        let positive = text.trim_start_matches(['!', '=']);
        let message = format!("`!` does not negate; put a `-` before `{}`", name.text);
        return Err(QueryError::new(name.span.start..value.span.end, message)
            .suggest((!positive.is_empty()).then(|| format!("-{}:{positive}", name.text))));
    }
    let reject = || {
        let message = format!("`{}` takes {}, not `{text}`", name.text, known.kind.takes());
        QueryError::new(value.text.span.clone(), message)
    };
    let field = &known.field;
    if value.text.is_pattern() {
        if known.kind != Kind::Text {
            let message = format!("`{}` takes {}, not a regular expression", name.text, known.kind.takes());
            return Err(QueryError::new(value.span.clone(), message));
        }
        if let Some(Operator::Less | Operator::AtMost | Operator::Greater | Operator::AtLeast) = value.operator {
            let message = format!("`{}` does not compare with a regular expression, only with text", name.text);
            return Err(QueryError::new(value.span.clone(), message));
        }
        let operand = Operand::Pattern(pattern(&value.text)?);
        return Ok(Filter::Compare(field.clone(), Comparison::Equal, operand));
    }
    match known.kind {
        Kind::Text => {
            if !known.compares(&name.text) {
                plain_operator(name, value)?;
            }
            if *field == Field::State && field::has_states(columns) {
                no_slip(name, value)?;
            }
            Ok(text_condition(field, value))
        }
        Kind::Level => level(plain(name, value)?, &value.text, reject),
        Kind::Boolean => {
            let word = match plain(name, value)?.to_lowercase().as_str() {
                "true" | "yes" => "true",
                "false" | "no" => "false",
                _ => return Err(reject()),
            };
            Ok(Filter::Compare(field.clone(), Comparison::Equal, Operand::Exact(word.into())))
        }
        Kind::Fraction if is_fraction(text) => {
            if let Some(operator) = value.operator.filter(|operator| *operator != Operator::Equal) {
                let ready = text.split('/').next().unwrap_or_default();
                let message = format!("`{}` compares the number of ready ones alone, not `{text}`", name.text);
                return Err(QueryError::new(value.span.clone(), message).suggest(Some(format!("{operator}{ready}"))));
            }
            Ok(Filter::Compare(field.clone(), Comparison::Equal, Operand::Exact(text.as_str().into())))
        }
        Kind::Fraction | Kind::Number | Kind::Cpu | Kind::Bytes => {
            measured(field, value, value::number).ok_or_else(reject)
        }
        Kind::Span => measured(field, value, value::span).ok_or_else(reject),
        Kind::Moment => {
            measured(field, value, |text| value::span(text).or_else(|| value::moments(text))).ok_or_else(reject)
        }
    }
}

fn is_fraction(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.split_once('/').is_some_and(|(ready, total)| digits(ready) && digits(total))
}

fn text_condition(field: &Field, value: &Value) -> Filter {
    let comparison = match value.operator {
        None | Some(Operator::Equal) => Comparison::Equal,
        Some(Operator::Less) => Comparison::Less,
        Some(Operator::AtMost) => Comparison::AtMost,
        Some(Operator::Greater) => Comparison::Greater,
        Some(Operator::AtLeast) => Comparison::AtLeast,
    };
    let text = value.text.text.as_str();
    let wild = comparison == Comparison::Equal && value.text.form == Form::Bare && text.contains(['*', '?']);
    let operand = if wild { Operand::Text(text.into()) } else { Operand::Exact(text.into()) };
    Filter::Compare(field.clone(), comparison, operand)
}

fn level(word: &str, at: &Spanned, reject: impl Fn() -> QueryError) -> Result<Filter, QueryError> {
    let level = Level::ALL.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(word));
    level.map(|level| Filter::Levels(vec![level])).ok_or_else(|| {
        let close = field::closest(word, &Level::ALL.map(Level::as_str));
        QueryError { span: at.span.clone(), ..reject() }.suggest(close)
    })
}

/// A comparison, a range or an equality on a number line.
fn measured(field: &Field, value: &Value, read: impl Fn(&str) -> Option<Reading>) -> Option<Filter> {
    let text = value.text.text.as_str();
    let compare = |operator, reading| boundary(field, operator, reading);
    match (value.operator, text.split_once("..")) {
        (None, Some(("", most))) => Some(compare(Operator::AtMost, read(most)?)),
        (None, Some((least, ""))) => Some(compare(Operator::AtLeast, read(least)?)),
        (None, Some((least, most))) => {
            Some(Filter::And(vec![compare(Operator::AtLeast, read(least)?), compare(Operator::AtMost, read(most)?)]))
        }
        (operator, _) => Some(compare(operator.unwrap_or(Operator::Equal), read(text)?)),
    }
}

/// A reading may stand for more than a point: a date for a whole day. Less is before it begins, greater is after it ends.
fn boundary(field: &Field, operator: Operator, reading: Reading) -> Filter {
    let compare = |comparison, operand| Filter::Compare(field.clone(), comparison, operand);
    let within = |start: Operand, end: Operand| {
        Filter::And(vec![compare(Comparison::AtLeast, start), compare(Comparison::Less, end)])
    };
    let comparison = match operator {
        Operator::Equal => Comparison::Equal,
        Operator::Less => Comparison::Less,
        Operator::AtMost => Comparison::AtMost,
        Operator::Greater => Comparison::Greater,
        Operator::AtLeast => Comparison::AtLeast,
    };
    match reading {
        Reading::Number(number) => compare(comparison, Operand::Number(number)),
        Reading::Span(seconds, unit) if operator == Operator::Equal => {
            within(Operand::Ago(seconds), Operand::Ago(seconds + unit))
        }
        // A span compares by its exact length: `age:>2h` holds as soon as two hours have passed.
        Reading::Span(seconds, _) => compare(comparison, Operand::Ago(seconds)),
        Reading::Moments(start, end) => match operator {
            Operator::Equal => within(Operand::Moment(start), Operand::Moment(end)),
            Operator::Less | Operator::AtLeast => compare(comparison, Operand::Moment(start)),
            Operator::AtMost => compare(Comparison::Less, Operand::Moment(end)),
            Operator::Greater => compare(Comparison::AtLeast, Operand::Moment(end)),
        },
    }
}
