//! A scorecard as PMML 4.4 (<http://dmg.org/pmml/v4-4-1/Scorecard.html>). An engine takes
//! the first attribute whose predicate is true, and has no score where none is; so what is
//! missing has an attribute of its own, first, and the last one takes the rest. PMML knows
//! no weights: partial scores are weight x points as we round them, and the pair stands in
//! extensions, like the cutoffs and the scorecard itself.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::FormatFinding;
use crate::model::Stage;
use crate::scoring::bins::{Bins, FIRST, MISSING, OTHER, UNKNOWN};
use crate::scoring::card::{Card, Cutoffs};
use crate::scoring::compile::{Compiled, CompiledCharacteristic};
use crate::scoring::feature::{Feature, FeatureKind, decimal};

type Xml = Writer<Vec<u8>>;

/// The reason code of what nobody told, or nobody knows: it is no reason against a
/// debtor, and an engine would make it one under the code of its characteristic.
const NOT_TOLD: &str = "NOT_TOLD";

/// A characteristic that counts, with the name of its feature.
type Active<'a> = (&'a str, &'a CompiledCharacteristic);

/// Writes the document.
pub(super) fn write(card: &Card, compiled: &Compiled) -> Result<String, Vec<FormatFinding>> {
    let names = card.characteristics.iter().map(|one| one.feature.as_str());
    let active: Vec<Active<'_>> =
        names.zip(&compiled.characteristics).filter(|(_, one)| one.active).collect();
    let mut found = Vec::new();
    if active.is_empty() {
        found.push(super::finding("no characteristic counts; PMML needs one"));
    }
    for (at, rule) in compiled.knock_outs.iter().enumerate().filter(|(_, rule)| rule.active) {
        found.push(super::finding(format!(
            "knock_outs[{at}]: a scorecard of PMML cannot carry the rule {}: its score is a sum",
            rule.name
        )));
    }
    for (at, one) in compiled.populations.iter().enumerate().filter(|(_, one)| one.active) {
        found.push(super::finding(format!(
            "populations[{at}]: a scorecard of PMML ranks every case by the same points, and \
             cannot carry {}",
            one.name
        )));
    }
    for (name, _) in active.iter().filter(|(_, one)| matches!(one.feature, Feature::Derived(_))) {
        found.push(super::finding(format!(
            "{name}: PMML reckons with floating point, and would not round as we do"
        )));
    }
    if !found.is_empty() {
        return Err(found);
    }
    document(card, compiled, &active).map_err(|error| vec![super::finding(error)])
}

fn document(card: &Card, compiled: &Compiled, active: &[Active<'_>]) -> io::Result<String> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let fields = fields(active);
    xml.create_element("PMML")
        .with_attributes([("xmlns", "http://www.dmg.org/PMML-4_4"), ("version", "4.4")])
        .write_inner_content(|xml| {
            xml.create_element("Header")
                .with_attribute(("description", "0 to 1,000, higher = easier to recover"))
                .write_inner_content(|xml| {
                    xml.create_element("Application")
                        .with_attributes([
                            ("name", "arrears"),
                            ("version", env!("CARGO_PKG_VERSION")),
                        ])
                        .write_empty()
                        .map(drop)
                })?;
            dictionary(xml, &fields)?;
            scorecard(xml, (card, compiled), active, &fields)
        })?;
    let mut bytes = xml.into_inner();
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// The features in use, each once.
fn fields<'a>(active: &[Active<'a>]) -> Vec<Active<'a>> {
    let mut fields: Vec<Active<'a>> = Vec::new();
    for one in active {
        if fields.iter().all(|known| known.0 != one.0) {
            fields.push(*one);
        }
    }
    fields
}

fn dictionary(xml: &mut Xml, fields: &[Active<'_>]) -> io::Result<()> {
    let count = fields.len().to_string();
    let dictionary =
        xml.create_element("DataDictionary").with_attribute(("numberOfFields", count.as_str()));
    let written = dictionary.write_inner_content(|xml| {
        fields.iter().try_for_each(|(name, one)| {
            let (kind, has_unknown) = one.feature.kind();
            let (optype, data_type) = match kind {
                FeatureKind::Number { scale: 1 } => ("continuous", "integer"),
                FeatureKind::Number { .. } => ("continuous", "double"),
                FeatureKind::Category(_) | FeatureKind::Text => ("categorical", "string"),
            };
            let field = xml.create_element("DataField").with_attributes([
                ("name", *name),
                ("optype", optype),
                ("dataType", data_type),
            ]);
            let FeatureKind::Category(names) = kind else { return field.write_empty().map(drop) };
            let unknown = has_unknown.then_some("UNKNOWN");
            let values = names.iter().map(|entry| entry.0).chain(unknown);
            let written = field.write_inner_content(|xml| {
                values.clone().try_for_each(|value| {
                    xml.create_element("Value")
                        .with_attribute(("value", value))
                        .write_empty()
                        .map(drop)
                })
            });
            written.map(drop)
        })
    });
    written.map(drop)
}

fn extension(xml: &mut Xml, name: &str, value: &str) -> io::Result<()> {
    let attributes = [("extender", "arrears"), ("name", name), ("value", value)];
    xml.create_element("Extension").with_attributes(attributes).write_empty().map(drop)
}

fn scorecard(
    xml: &mut Xml,
    (card, compiled): (&Card, &Compiled),
    active: &[Active<'_>],
    fields: &[Active<'_>],
) -> io::Result<()> {
    let initial = compiled.base_points.to_string();
    let attributes = [
        ("modelName", card.scorecard_id.as_str()),
        ("functionName", "regression"),
        ("initialScore", initial.as_str()),
        ("useReasonCodes", "true"),
        ("reasonCodeAlgorithm", "pointsBelow"),
        ("baselineMethod", "max"),
    ];
    let written =
        xml.create_element("Scorecard").with_attributes(attributes).write_inner_content(|xml| {
            cutoffs(xml, compiled)?;
            extension(xml, "scorecard", &card.canonical())?;
            xml.create_element("MiningSchema").write_inner_content(|xml| {
                fields.iter().try_for_each(|(name, _)| {
                    xml.create_element("MiningField")
                        .with_attributes([
                            ("name", *name),
                            ("usageType", "active"),
                            ("invalidValueTreatment", "returnInvalid"),
                        ])
                        .write_empty()
                        .map(drop)
                })
            })?;
            output(xml)?;
            xml.create_element("Characteristics")
                .write_inner_content(|xml| {
                    active.iter().try_for_each(|one| characteristic(xml, *one))
                })
                .map(drop)
        });
    written.map(drop)
}

/// Where the groups begin: of all stages, or of each.
fn cutoffs(xml: &mut Xml, compiled: &Compiled) -> io::Result<()> {
    let all = &compiled.cutoffs;
    let same = all.iter().all(|one| *one == all[0]);
    let shown = if same { &Stage::ALL[..1] } else { &Stage::ALL[..] };
    for (stage, Cutoffs { a, b }) in shown.iter().zip(all) {
        let of = if same { String::new() } else { format!(".{}", stage.name()) };
        extension(xml, &format!("cutoff_a{of}"), &a.to_string())?;
        extension(xml, &format!("cutoff_b{of}"), &b.to_string())?;
    }
    Ok(())
}

/// The sum, the score (the sum held within 0 to 1,000) and the reasons.
fn output(xml: &mut Xml) -> io::Result<()> {
    let number = |xml: &mut Xml, name: &str, feature: &str| {
        let field = [("name", name), ("optype", "continuous"), ("dataType", "double")];
        let element = xml.create_element("OutputField").with_attributes(field);
        let element = element.with_attribute(("feature", feature));
        if feature == "predictedValue" {
            return element.write_empty().map(drop);
        }
        element.write_inner_content(held).map(drop)
    };
    let written = xml.create_element("Output").write_inner_content(|xml| {
        number(xml, "score_sum", "predictedValue")?;
        number(xml, "recovery_score", "transformedValue")?;
        (1..=4).try_for_each(|rank: i32| {
            let (name, rank) = (format!("reason_{rank}"), rank.to_string());
            xml.create_element("OutputField")
                .with_attributes([
                    ("name", name.as_str()),
                    ("optype", "categorical"),
                    ("dataType", "string"),
                    ("feature", "reasonCode"),
                    ("rank", rank.as_str()),
                ])
                .write_empty()
                .map(drop)
        })
    });
    written.map(drop)
}

/// The sum, at least 0 and at most 1,000.
fn held(xml: &mut Xml) -> io::Result<()> {
    let constant = |xml: &mut Xml, value: &str| {
        let element = xml.create_element("Constant").with_attribute(("dataType", "double"));
        element.write_text_content(BytesText::new(value)).map(drop)
    };
    let apply = xml.create_element("Apply").with_attribute(("function", "max"));
    let written = apply.write_inner_content(|xml| {
        constant(xml, "0")?;
        let apply = xml.create_element("Apply").with_attribute(("function", "min"));
        let inner = apply.write_inner_content(|xml| {
            constant(xml, "1000")?;
            let sum = xml.create_element("FieldRef").with_attribute(("field", "score_sum"));
            sum.write_empty().map(drop)
        });
        inner.map(drop)
    });
    written.map(drop)
}

fn characteristic(xml: &mut Xml, (field, one): Active<'_>) -> io::Result<()> {
    let baseline = one.best_contribution.to_string();
    let of_all = one.by_code.first().map_or("", |bin| bin.reason.code.as_str());
    let attributes =
        [("name", one.name.as_str()), ("reasonCode", of_all), ("baselineScore", baseline.as_str())];
    let written = xml.create_element("Characteristic").with_attributes(attributes);
    let written = written.write_inner_content(|xml| {
        extension(xml, "weight_milli", &one.weight_milli.to_string())?;
        attribute(xml, one, MISSING, |xml| simple(xml, field, "isMissing", None))?;
        let (kind, has_unknown) = one.feature.kind();
        match (&one.bins, kind) {
            (Bins::Ranges(ranges), FeatureKind::Number { scale }) => {
                let shown = |number: i64| {
                    if scale == 1 { number.to_string() } else { decimal(number, scale) }
                };
                for (number, code) in ranges.special() {
                    let number = shown(*number);
                    attribute(xml, one, *code, |xml| simple(xml, field, "equal", Some(&number)))?;
                }
                let starts = ranges.starts();
                for (code, start) in (FIRST..).zip(starts) {
                    let start = shown(*start);
                    attribute(xml, one, code, |xml| simple(xml, field, "lessThan", Some(&start)))?;
                }
                let last = FIRST + u8::try_from(starts.len()).expect("bins are at most 200");
                attribute(xml, one, last, rest)
            }
            (Bins::Categories(codes), FeatureKind::Category(names)) => {
                if has_unknown {
                    attribute(xml, one, UNKNOWN, |xml| {
                        simple(xml, field, "equal", Some("UNKNOWN"))
                    })?;
                }
                let by_code = names.iter().map(|(name, number)| {
                    let at = usize::try_from(*number).expect("categories have numbers from 0");
                    (codes[at], *name)
                });
                listed(xml, (field, one), by_code)
            }
            (Bins::Texts(texts), _) => {
                listed(xml, (field, one), texts.iter().map(|(text, code)| (*code, text.as_ref())))?;
                attribute(xml, one, OTHER, rest)
            }
            _ => Ok(()),
        }
    });
    written.map(drop)
}

/// An attribute for each bin of names. What the feature cannot be has none: the field
/// itself refuses it.
fn listed<'a>(
    xml: &mut Xml,
    (field, one): Active<'_>,
    names: impl Iterator<Item = (u8, &'a str)> + Clone,
) -> io::Result<()> {
    let mut codes: Vec<u8> = names.clone().map(|(code, _)| code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes.into_iter().try_for_each(|code| {
        let own: Vec<&str> =
            names.clone().filter(|(of, _)| *of == code).map(|(_, name)| name).collect();
        attribute(xml, one, code, |xml| any_of(xml, field, &own))
    })
}

fn attribute(
    xml: &mut Xml,
    one: &CompiledCharacteristic,
    code: u8,
    predicate: impl FnOnce(&mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    let bin = &one.by_code[usize::from(code)];
    let (partial, points) = (bin.contribution.to_string(), bin.points.to_string());
    let reason = if code == MISSING || code == UNKNOWN { NOT_TOLD } else { &bin.reason.code };
    xml.create_element("Attribute")
        .with_attributes([("reasonCode", reason), ("partialScore", partial.as_str())])
        .write_inner_content(|xml| {
            extension(xml, "points", &points)?;
            predicate(xml)
        })
        .map(drop)
}

fn rest(xml: &mut Xml) -> io::Result<()> {
    xml.create_element("True").write_empty().map(drop)
}

fn simple(xml: &mut Xml, field: &str, operator: &str, value: Option<&str>) -> io::Result<()> {
    let predicate = xml
        .create_element("SimplePredicate")
        .with_attributes([("field", field), ("operator", operator)]);
    match value {
        Some(value) => predicate.with_attribute(("value", value)).write_empty().map(drop),
        None => predicate.write_empty().map(drop),
    }
}

/// One of several texts. The arrays of PMML are split at blanks and quoted, which engines
/// do not do alike; so each text is a predicate.
fn any_of(xml: &mut Xml, field: &str, texts: &[&str]) -> io::Result<()> {
    if let [text] = texts {
        return simple(xml, field, "equal", Some(text));
    }
    let any = xml.create_element("CompoundPredicate").with_attribute(("booleanOperator", "or"));
    let written = any.write_inner_content(|xml| {
        texts.iter().try_for_each(|text| simple(xml, field, "equal", Some(text)))
    });
    written.map(drop)
}
