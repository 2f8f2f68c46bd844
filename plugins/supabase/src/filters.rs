//! Filters: which rows a call is about.

use blockyard_sdk::Failure;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::input::Item;
use crate::literal::{Literal, quoted};

/// A condition on a column. The value is fixed, or comes from the input item.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Filter {
    /// The column, or a path into JSON such as `data->>city`; for `select` also a column of an embedded relation,
    /// such as `orders.total`.
    #[schemars(length(min = 1))]
    column: String,
    /// How the column is compared.
    operator: Operator,
    /// What with: text, a number or a boolean; a list for `in`, `cs`, `cd`, `ov` and with `quantifier`; for `is` null,
    /// true, false, `not_null` or `unknown`. Numbers that need more than 64 bits, and decimals whose zeros matter, go
    /// in as text.
    #[serde(default)]
    value: Value,
    /// Instead of `value`: the field of the input item that holds it, by name, or by JSON pointer such as
    /// `/company/id`.
    #[serde(default)]
    from: Option<String>,
    /// Rows that do not meet the condition.
    #[serde(default)]
    negate: bool,
    /// For `eq`, `gt`, `gte`, `lt`, `lte`, `like`, `ilike`, `match` and `imatch` with a list: whether any or all of its
    /// elements have to meet the condition.
    #[serde(default)]
    quantifier: Option<Quantifier>,
}

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal.
    Neq,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// Matches a pattern in which `*` stands for anything.
    Like,
    /// The same in any case.
    Ilike,
    /// Matches a regular expression (POSIX).
    Match,
    /// The same in any case.
    Imatch,
    /// One of a list.
    In,
    /// Null, true, false, not null or unknown.
    Is,
    /// Not equal, where null is a value like others.
    Isdistinct,
    /// Contains a list, an object or a range.
    Cs,
    /// Is contained in a list, an object or a range.
    Cd,
    /// Has something in common with a list or a range.
    Ov,
    /// A range strictly left of another, such as `(1,10)`.
    Sl,
    /// Strictly right of it.
    Sr,
    /// Does not extend to the right of it.
    Nxr,
    /// Does not extend to the left of it.
    Nxl,
    /// Adjacent to it.
    Adj,
    /// Full text search with operators (`to_tsquery`).
    Fts,
    /// Full text search for words (`plainto_tsquery`).
    Plfts,
    /// Full text search for a phrase (`phraseto_tsquery`).
    Phfts,
    /// Full text search as on the web (`websearch_to_tsquery`).
    Wfts,
}

/// How many elements of a list have to meet a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Quantifier {
    /// At least one.
    Any,
    /// Each.
    All,
}

/// Parameters that PostgREST takes for something else than a filter.
const RESERVED: [&str; 7] = ["select", "order", "limit", "offset", "columns", "on_conflict", "and"];

impl Operator {
    fn name(self) -> String {
        format!("{self:?}").to_ascii_lowercase()
    }

    fn takes_quantifier(self) -> bool {
        use Operator::{Eq, Gt, Gte, Ilike, Imatch, Like, Lt, Lte, Match};
        matches!(self, Eq | Gt | Gte | Lt | Lte | Like | Ilike | Match | Imatch)
    }
}

impl Filter {
    fn operand(&self, value: &RawValue) -> Result<String, &'static str> {
        let value = Literal::of(value);
        if self.quantifier.is_some() {
            return match &value {
                _ if !self.operator.takes_quantifier() => Err("the operator takes no quantifier"),
                Literal::List(list) if !list.is_empty() => Ok(format!("{{{}}}", Literal::elements(list)?)),
                _ => Err("it is no list with elements, which a quantifier needs"),
            };
        }
        match (self.operator, value) {
            (Operator::In, Literal::List(list)) if list.is_empty() && self.negate => Err("no value is not in no list"),
            (Operator::In, Literal::List(list)) => Ok(format!("({})", Literal::elements(&list)?)),
            (Operator::In, _) => Err("it is no list"),
            (Operator::Is, Literal::Null) => Ok("null".to_owned()),
            (Operator::Is, Literal::Plain(text @ ("true" | "false"))) => Ok(text.to_owned()),
            (Operator::Is, Literal::Text(text))
                if ["null", "not_null", "true", "false", "unknown"].contains(&text.as_str()) =>
            {
                Ok(text)
            }
            (Operator::Is, _) => Err("it is none of null, `not_null`, true, false and `unknown`"),
            (_, Literal::Null) => Err("it is null, which equals nothing; use the operator `is`"),
            (Operator::Cs | Operator::Cd | Operator::Ov, Literal::List(list)) => {
                Ok(format!("{{{}}}", Literal::elements(&list)?))
            }
            (Operator::Cs | Operator::Cd, Literal::Object(text)) => Ok(text.to_owned()),
            (_, Literal::Plain(text)) => Ok(text.to_owned()),
            (_, Literal::Text(text)) => Ok(text),
            (_, Literal::List(_) | Literal::Object(_)) => Err("the operator takes neither a list nor an object"),
        }
    }

    /// Whether it is a containment that everything meets, or could be by an item's empty field.
    fn is_boundless(&self, operand: &str) -> bool {
        let operand: String = operand.split_whitespace().collect();
        matches!(self.operator, Operator::Cs | Operator::Cd | Operator::Ov)
            && ["{}", "[]", ""].contains(&operand.as_str())
    }

    fn check_column(&self, writes: bool, grouped: bool) -> Result<(), &'static str> {
        let column = self.column.as_str();
        let plain = column.split("->").next().unwrap_or_default();
        let is_quoted = plain.starts_with('"');
        let last = plain.rsplit('.').next().unwrap_or_default();
        if plain.trim().is_empty() || column.contains(char::is_control) {
            return Err("it is no name");
        }
        if !is_quoted && (RESERVED.contains(&last) || last == "or") {
            return Err("PostgREST takes the name for something else; put it in double quotes");
        }
        if writes && !is_quoted && plain.contains('.') {
            return Err("a column of an embedded relation does not limit the rows that are written");
        }
        if grouped && !is_quoted && column.contains([',', '(', ')']) {
            return Err("the name has to be in double quotes");
        }
        Ok(())
    }
}

/// The filters of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filters<'a> {
    /// All of these,
    pub(crate) all: &'a [Filter],
    /// and one of these, if there are any.
    pub(crate) any: &'a [Filter],
    /// Whether rows are written.
    pub(crate) writes: bool,
}

impl Filters<'_> {
    /// Whether they take something from the input item.
    pub(crate) fn depend(&self) -> bool {
        self.all.iter().chain(self.any).any(|filter| filter.from.is_some())
    }

    /// As query parameters.
    pub(crate) fn parameters(&self, item: Item<'_>) -> Result<Vec<(String, String)>, Failure> {
        if self.writes && self.all.is_empty() && self.any.is_empty() {
            return Err(Failure::invalid_config("/filters", "without a filter every row would be touched"));
        }
        let mut parameters = Vec::new();
        for (index, filter) in self.all.iter().enumerate() {
            let (comparison, operand) = self.written(filter, &format!("/filters/{index}"), false, item)?;
            parameters.push((filter.column.clone(), format!("{comparison}.{operand}")));
        }
        let mut group = Vec::new();
        for (index, filter) in self.any.iter().enumerate() {
            let (comparison, operand) = self.written(filter, &format!("/anyOf/{index}"), true, item)?;
            // Lists of `in` and the words of `is` have a syntax of their own; all else may hold commas or parentheses.
            let bare = matches!(filter.operator, Operator::In | Operator::Is);
            let operand = if bare { operand } else { quoted(&operand) };
            group.push(format!("{}.{comparison}.{operand}", filter.column));
        }
        if !group.is_empty() {
            parameters.push(("or".to_owned(), format!("({})", group.join(","))));
        }
        Ok(parameters)
    }

    /// `not.eq` and the operand.
    fn written(
        &self,
        filter: &Filter,
        pointer: &str,
        grouped: bool,
        item: Item<'_>,
    ) -> Result<(String, String), Failure> {
        filter
            .check_column(self.writes, grouped)
            .map_err(|message| Failure::invalid_config(format!("{pointer}/column"), message))?;
        let operand = match &filter.from {
            Some(_) if !filter.value.is_null() => {
                return Err(Failure::invalid_config(format!("{pointer}/from"), "it stands beside `value`"));
            }
            Some(from) => filter.operand(item.require(from)?).map_err(|message| item.wrong(from, message))?,
            None => filter
                .operand(&to_raw_value(&filter.value)?)
                .map_err(|message| Failure::invalid_config(format!("{pointer}/value"), message))?,
        };
        if self.writes && filter.is_boundless(&operand) {
            let message = "it is empty, which would touch more rows than were meant";
            return Err(match &filter.from {
                Some(from) => item.wrong(from, message),
                None => Failure::invalid_config(format!("{pointer}/value"), message),
            });
        }
        let negation = if filter.negate { "not." } else { "" };
        let quantifier = match filter.quantifier {
            None => "",
            Some(Quantifier::Any) => "(any)",
            Some(Quantifier::All) => "(all)",
        };
        Ok((format!("{negation}{}{quantifier}", filter.operator.name()), operand))
    }
}
