//! Texts with expressions in them.

use cel::Value;

use super::{Expression, Place, RuleError, Variables};

/// A text with expressions over an event between `{{` and `}}`.
///
/// ```
/// use task_k8s_events::Template;
///
/// assert!(Template::compile("{{ event.involvedObject.name }} was killed").is_ok());
/// let error = Template::compile("the pod {{ event.nam }}").unwrap_err();
/// assert!(error.to_string().starts_with("line 1, column 17: there is no field `event.nam`; there are "), "{error}");
/// ```
#[derive(Debug)]
pub struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Expression(Expression),
}

impl Template {
    /// Compiles a template, and tries it on a sample event.
    ///
    /// # Errors
    /// A brace is not closed, or an expression is wrong.
    pub fn compile(source: &str) -> Result<Self, RuleError> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some((text, after)) = rest.split_once("{{") {
            let start = source.len() - after.len();
            let Some((expression, after)) = after.split_once("}}") else {
                let problem = "`{{` has no `}}` after it".to_owned();
                return Err(RuleError { place: place(source, start - "{{".len()), problem });
            };
            // Blanks up to the expression keep its places those of the template.
            let padded: String = source[..start].chars().map(|it| if it == '\n' { '\n' } else { ' ' }).collect();
            parts.push(Part::Text(text.to_owned()));
            parts.push(Part::Expression(Expression::compile(&(padded + expression))?));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = Self(parts);
        template.render(&Variables::sample())?;
        Ok(template)
    }

    /// The text for an event.
    ///
    /// # Errors
    /// An expression could not be evaluated, or is of a type that makes no text.
    pub fn render(&self, variables: &Variables) -> Result<String, RuleError> {
        let mut rendered = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => rendered.push_str(text),
                Part::Expression(expression) => rendered.push_str(&text(expression.evaluate(variables)?)?),
            }
        }
        Ok(rendered)
    }
}

fn text(value: Value) -> Result<String, RuleError> {
    match value {
        Value::String(text) => Ok(text.to_string()),
        Value::Int(number) => Ok(number.to_string()),
        Value::UInt(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        other => Err(RuleError::whole(format!("a value of the type {} makes no text", other.type_of()))),
    }
}

fn place(source: &str, offset: usize) -> Place {
    let before = &source[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
    Place::At { line, column }
}
