//! Looks up every field that a rule names.

use cel::common::ast::{EntryExpr, Expr, IdedExpr, SourceInfo};
use cel::objects::Key;
use cel::{Program, Value};

use super::{Place, RuleError, Variables};

/// Fails for the first variable or field that does not exist.
pub(super) fn check(program: &Program) -> Result<(), RuleError> {
    let sample = Variables::sample().all();
    let variables = sample.each_ref().map(|(name, value)| (*name, value));
    let checker = Checker { variables, source: program.source_info() };
    checker.check(program.expression(), &mut Vec::new())
}

struct Checker<'a> {
    variables: [(&'static str, &'a Value); 4],
    source: &'a SourceInfo,
}

impl<'a> Checker<'a> {
    /// Checks an expression, in which the `bound` names are variables of macros such as `all`.
    fn check(&self, node: &'a IdedExpr, bound: &mut Vec<&'a str>) -> Result<(), RuleError> {
        match &node.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(_) | Expr::Select(_) => self.lookup(node, bound).map(drop),
            Expr::Call(call) => self.all(call.target.as_deref().into_iter().chain(&call.args), bound),
            Expr::List(list) => self.all(&list.elements, bound),
            Expr::Map(map) => self.entries(&map.entries, bound),
            Expr::Struct(it) => self.entries(&it.entries, bound),
            Expr::Comprehension(it) => {
                self.check(&it.iter_range, bound)?;
                self.check(&it.accu_init, bound)?;
                let outer = bound.len();
                bound.extend([it.iter_var.as_str(), it.accu_var.as_str()]);
                bound.extend(it.iter_var2.as_deref());
                let result = self.all([&it.loop_cond, &it.loop_step, &it.result], bound);
                bound.truncate(outer);
                result
            }
        }
    }

    fn all(&self, nodes: impl IntoIterator<Item = &'a IdedExpr>, bound: &mut Vec<&'a str>) -> Result<(), RuleError> {
        nodes.into_iter().try_for_each(|node| self.check(node, bound))
    }

    fn entries(
        &self,
        entries: &'a [cel::common::ast::IdedEntryExpr],
        bound: &mut Vec<&'a str>,
    ) -> Result<(), RuleError> {
        entries.iter().try_for_each(|entry| match &entry.expr {
            EntryExpr::StructField(field) => self.check(&field.value, bound),
            EntryExpr::MapEntry(entry) => self.all([&entry.key, &entry.value], bound),
        })
    }

    /// The sample's value at a variable or field, and its path; nothing for what is only known when a rule is evaluated.
    fn lookup(&self, node: &'a IdedExpr, bound: &mut Vec<&'a str>) -> Result<Option<(&'a Value, String)>, RuleError> {
        match &node.expr {
            // Names of types, such as `int`, are told from misspelt ones when the rule is tried.
            Expr::Ident(name) if bound.contains(&name.as_str()) => Ok(None),
            Expr::Ident(name) => match self.variables.iter().find(|(variable, _)| variable == name) {
                Some((_, value)) => Ok(Some((*value, name.clone()))),
                None if TYPES.contains(&name.as_str()) => Ok(None),
                None => {
                    let names: Vec<&str> = self.variables.iter().map(|(name, _)| *name).collect();
                    Err(self.missing(node.id, format!("there is no variable `{name}`"), &names))
                }
            },
            Expr::Select(select) => {
                let Some((value, path)) = self.lookup(&select.operand, bound)? else { return Ok(None) };
                let path = format!("{path}.{}", select.field);
                let problem = || format!("there is no field `{path}`");
                let Value::Map(map) = value else { return Err(self.missing(node.id, problem(), &[])) };
                match map.map.get(&Key::from(select.field.as_str())) {
                    Some(value) => Ok(Some((value, path))),
                    None => {
                        let name = |key: &'a Key| if let Key::String(name) = key { Some(name.as_str()) } else { None };
                        let mut names: Vec<&str> = map.map.keys().filter_map(name).collect();
                        names.sort_unstable();
                        Err(self.missing(node.id, problem(), &names))
                    }
                }
            }
            _ => self.check(node, bound).map(|()| None),
        }
    }

    fn missing(&self, id: u64, problem: String, names: &[&str]) -> RuleError {
        let place = Place::of(id, self.source);
        let problem = match names {
            [] => problem,
            [name] => format!("{problem}; there is {name}"),
            [names @ .., last] => format!("{problem}; there are {} and {last}", names.join(", ")),
        };
        RuleError { place, problem }
    }
}

/// The names of CEL's types, which are values, too.
const TYPES: [&str; 11] =
    ["bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "string", "type", "uint"];
