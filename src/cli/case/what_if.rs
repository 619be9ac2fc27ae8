//! Documents given on the command line, field by field.

use crate::cli::client::Client;
use crate::cli::failure::{Exit, Failure};
use crate::cli::field::{Draft, Field};
use crate::model::Currency;
use crate::proto;

/// A field and the text of its value.
pub(super) type Assignment = (Field, String);

/// Reads `FIELD=VALUE`.
pub(super) fn assignment(text: &str) -> Result<Assignment, String> {
    let (name, value) = text.split_once('=').ok_or("must be FIELD=VALUE")?;
    let known = || format!("{name} is no field; known are {}", Field::known_names());
    let field = Field::from_name(name.trim()).ok_or_else(known)?;
    match value.trim() {
        "" => Err(format!("{name} is given no value")),
        value => Ok((field, value.to_owned())),
    }
}

/// The document that says these fields; amounts without a currency are in the
/// portfolio's.
pub(super) async fn document(
    client: &Client,
    portfolio_id: &str,
    fields: &[Assignment],
) -> Result<proto::CaseDocument, Failure> {
    let request = proto::GetPortfolioRequest { portfolio_id: portfolio_id.to_owned() };
    let answer = client.portfolios().get_portfolio(request).await?.into_inner();
    let base = answer.portfolio.map(|portfolio| portfolio.base_currency).unwrap_or_default();
    let mut draft = Draft { currency: Currency::from_code(&base), ..Draft::default() };
    let mut fields: Vec<&Assignment> = fields.iter().collect();
    // The currency first: amounts are read in it.
    fields.sort_by(|one, other| one.0.cmp(&other.0));
    for (field, text) in fields {
        field.set(&mut draft, text).map_err(|(_, bound)| {
            let message = format!("{} is {text}: {bound}", field.name());
            Failure::new(Exit::Usage, message)
        })?;
    }
    Ok(draft.document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_names_a_field_and_its_value() {
        let (field, value) = assignment("behaviour.promises_kept= 3").unwrap();
        assert_eq!((field.name().as_str(), value.as_str()), ("promises_kept", "3"));
        let unknown = assignment("promises_held=3").unwrap_err();
        assert!(unknown.starts_with("promises_held is no field; known are "), "{unknown}");
        assert_eq!(assignment("promises_kept").unwrap_err(), "must be FIELD=VALUE");
        assert_eq!(assignment("promises_kept=").unwrap_err(), "promises_kept is given no value");
    }
}
