//! The bins of a characteristic or term: ranges without gaps, categories
//! without doubles, and every special bin that can occur.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::super::bins::{BINS_MAX, Bins, CATEGORIES_MAX, FIRST, MISSING, OTHER, Ranges, UNKNOWN};
use super::super::card::{Bin, Points, ReasonText, Special};
use super::super::feature::{CUSTOM_PREFIX, DERIVED_PREFIX, Feature, FeatureKind, decimal};
use super::{Compiler, POINTS_MAX, is_name};

/// The largest bound of a bin, in the units of its feature: reckoning with days and
/// amounts stays within 64 bits.
const BOUND_MAX: u64 = 1_000_000_000_000_000_000;

/// The label, the points and the own reason of each code. A code that cannot occur has no
/// label.
pub(super) type Labels = Vec<(String, i32, Option<ReasonText>)>;

/// The parts in which a characteristic and a term are alike.
pub(super) struct Lookup<'a> {
    pub name: &'a str,
    pub feature: &'a str,
    pub kind: Option<&'a str>,
    pub protected: bool,
    pub missing: Option<Points>,
    pub unknown: Option<Points>,
    pub other: Option<Points>,
    pub bins: &'a [Bin],
    pub special: &'a [Special],
}

/// A feature with its bins and the label, points and reason of each code.
pub(super) struct Table {
    pub feature: Feature,
    pub bins: Bins,
    pub labels: Labels,
}

impl Compiler<'_> {
    pub(super) fn table(&mut self, written: &Lookup<'_>) -> Option<Table> {
        if !is_name(written.name) {
            let message = format!("{:?} must be 1 to 64 bytes of a-z, 0-9 and _", written.name);
            self.find("name", message);
        }
        let feature = self.feature(written.feature, written.kind)?;
        self.says_protected((&feature, written.feature), written.protected);
        let (kind, has_unknown) = feature.kind();
        let mut labels = vec![(String::new(), 0, None); usize::from(FIRST)];
        self.special("missing", written.missing, true, (&mut labels, MISSING));
        self.special("unknown", written.unknown, has_unknown, (&mut labels, UNKNOWN));
        if written.bins.is_empty() || written.bins.len() > BINS_MAX {
            self.find("bins", format!("1 to {BINS_MAX} bins are allowed"));
            return None;
        }
        let is_number = matches!(kind, FeatureKind::Number { .. });
        if !is_number && !written.special.is_empty() {
            self.find("special", "only numbers have special values".to_owned());
        }
        let bins = match kind {
            FeatureKind::Number { scale } => {
                self.special("other", written.other, false, (&mut labels, OTHER));
                let starts = self.ranges(written.bins, scale, &mut labels);
                let special = self.special_values(written, scale, &mut labels);
                Bins::Ranges(Ranges::new(starts, special))
            }
            FeatureKind::Category(names) => {
                let covered = written.bins.iter().flat_map(|bin| bin.is.iter().flatten());
                let covered: Vec<&String> = covered.collect();
                let all = names.iter().all(|name| covered.iter().any(|one| *one == name.0));
                self.special("other", written.other, !all, (&mut labels, OTHER));
                self.categories(written.bins, (names, has_unknown), &mut labels)
            }
            FeatureKind::Text => {
                self.special("other", written.other, true, (&mut labels, OTHER));
                self.texts(written.bins, &mut labels)
            }
        };
        for (at, label) in labels.iter().enumerate() {
            if !(-POINTS_MAX..=POINTS_MAX).contains(&label.1) {
                let bins = written.bins.len();
                let field = match at.checked_sub(usize::from(FIRST)) {
                    Some(bin) if bin < bins => format!("bins[{bin}].points"),
                    Some(value) => format!("special[{}].points", value - bins),
                    None => format!("{}.points", ["missing", "unknown", "other"][at]),
                };
                let message = format!("is {}; -{POINTS_MAX} to {POINTS_MAX} are allowed", label.1);
                self.find(&field, message);
            }
        }
        Some(Table { feature, bins, labels })
    }

    /// The feature of a name, with the kind a custom one is declared as.
    pub(super) fn feature(&mut self, name: &str, kind: Option<&str>) -> Option<Feature> {
        if !self.is_no_right("feature", name) {
            return None;
        }
        let custom = kind.map(|word| (word, Feature::custom_kind(word)));
        if let Some((word, None)) = custom {
            self.find("kind", format!("{word:?} is none of NUMBER, TEXT and FLAG"));
            return None;
        }
        let is_custom = name.strip_prefix(CUSTOM_PREFIX).map(is_name);
        if is_custom == Some(false) || is_custom.is_some() != custom.is_some() {
            let message =
                "a custom feature, `custom.` and its feature_id, and no other, has a kind";
            self.find("kind", message.to_owned());
            return None;
        }
        if name.starts_with(DERIVED_PREFIX) {
            return self.derived_feature("feature", name);
        }
        match custom {
            Some((_, kind)) => Feature::find(name, kind),
            None => self.known_feature("feature", name),
        }
    }

    /// A feature of the catalogue.
    pub(super) fn known_feature(&mut self, field: &str, name: &str) -> Option<Feature> {
        let feature = Feature::find(name, None);
        if feature.is_none() {
            let names: Vec<&str> = Feature::names().collect();
            let message = format!("{name:?} is not a feature; known are {}", names.join(", "));
            self.find(field, message);
        }
        feature
    }

    /// Finds a name that speaks of a right.
    pub(super) fn is_no_right(&mut self, field: &str, name: &str) -> bool {
        let right = Feature::is_right(name);
        if right {
            let message = format!(
                "{name:?} speaks of a right of the debtor; holds, disputes, complaints and the \
                 like gate and never rank"
            );
            self.find(field, message);
        }
        !right
    }

    fn special(
        &mut self,
        field: &str,
        points: Option<Points>,
        needed: bool,
        (labels, code): (&mut Labels, u8),
    ) {
        match points {
            Some(_) if !needed => {
                self.find(field, "cannot occur with this feature and these bins".to_owned());
            }
            None if needed => self.find(field, "must be given, with its points".to_owned()),
            _ => {}
        }
        if let Some(points) = points {
            labels[usize::from(code)] = (field.to_owned(), points.points, None);
        }
    }

    fn ranges(&mut self, written: &[Bin], scale: i64, labels: &mut Labels) -> Vec<i64> {
        let mut starts = Vec::new();
        let mut reached: Option<i64> = None;
        for (at, bin) in written.iter().enumerate() {
            let last = at + 1 == written.len();
            if bin.is.is_some() {
                self.find(&format!("bins[{at}].is"), "a number has ranges, from and to".to_owned());
            }
            let from = self.bound(&format!("bins[{at}].from"), bin.from.as_deref(), scale);
            let to = self.bound(&format!("bins[{at}].to"), bin.to.as_deref(), scale);
            // A bound that is no number was told as that.
            let unread = bin.from.is_some() && from.is_none();
            match (at, from, reached) {
                (0, Some(_), _) => {
                    self.find("bins[0].from", "must be left out: the first bin is open".to_owned());
                }
                (1.., from, Some(end)) if from != reached && !unread => {
                    let (from, end) = (shown(from, scale), shown(Some(end), scale));
                    let message =
                        format!("is {from}; the bin before ends at {end}: a gap or an overlap");
                    self.find(&format!("bins[{at}].from"), message);
                }
                _ => {}
            }
            if at > 0 {
                starts.extend(from);
            }
            if last == bin.to.is_some() {
                let message =
                    if last { "must be left out: the last bin is open" } else { "is missing" };
                self.find(&format!("bins[{at}].to"), message.to_owned());
            }
            if from.zip(to).is_some_and(|(from, to)| to <= from) {
                let message = format!("is {}; it must be above from", shown(to, scale));
                self.find(&format!("bins[{at}].to"), message);
            }
            reached = to;
            let label = match (from, to) {
                (None, None) => "any".to_owned(),
                (None, to) => format!("below {}", shown(to, scale)),
                (from, None) => format!("{} and above", shown(from, scale)),
                (from, Some(to)) if scale == 1 => format!("{} to {}", shown(from, 1), to - 1),
                (from, to) => format!("{} to below {}", shown(from, scale), shown(to, scale)),
            };
            labels.push((label, bin.points, bin.reason.clone()));
        }
        starts
    }

    pub(super) fn bound(&mut self, field: &str, text: Option<&str>, scale: i64) -> Option<i64> {
        let text = text?;
        let bound = parse_decimal(text, scale).filter(|bound| bound.unsigned_abs() <= BOUND_MAX);
        if bound.is_none() {
            let what =
                if scale == 1 { "a whole number" } else { "a number of at most six decimals" };
            let most = BOUND_MAX / scale.unsigned_abs();
            self.find(field, format!("{text:?} is not {what} from -{most} to {most}"));
        }
        bound
    }

    fn categories(
        &mut self,
        written: &[Bin],
        (names, has_unknown): (&[(&'static str, i64)], bool),
        labels: &mut Labels,
    ) -> Bins {
        let mut codes = [OTHER; CATEGORIES_MAX];
        for (code, name) in self.listed(written, labels) {
            if let Some((_, number)) = names.iter().find(|entry| entry.0 == name) {
                codes[usize::try_from(*number).expect("categories have numbers from 0")] = code;
            }
        }
        for (at, bin) in written.iter().enumerate() {
            for (place, name) in bin.is.iter().flatten().enumerate() {
                let field = format!("bins[{at}].is[{place}]");
                self.category(&field, name, (names, has_unknown), "`unknown:` has its points");
            }
        }
        Bins::Categories(codes)
    }

    /// Finds a name that is no category. `unknown`: where what is not known has its place.
    pub(super) fn category(
        &mut self,
        field: &str,
        name: &str,
        (names, has_unknown): (&[(&'static str, i64)], bool),
        unknown: &str,
    ) {
        if names.iter().any(|entry| entry.0 == name) {
            return;
        }
        let known: Vec<&str> = names.iter().map(|entry| entry.0).collect();
        let hint = match has_unknown && name == "UNKNOWN" {
            true => format!(": {unknown}"),
            false => String::new(),
        };
        self.find(field, format!("{name:?} is none of {}{hint}", known.join(", ")));
    }

    fn texts(&mut self, written: &[Bin], labels: &mut Labels) -> Bins {
        let listed = self.listed(written, labels).into_iter();
        let mut texts: Vec<(Box<str>, u8)> =
            listed.map(|(code, name)| (Box::from(name), code)).collect();
        texts.sort();
        Bins::Texts(texts)
    }

    /// Finds every name that is listed already, in this bin or in one before.
    fn listed_twice(&mut self, written: &[Bin]) {
        let mut first: HashMap<&str, usize> = HashMap::new();
        for (at, bin) in written.iter().enumerate() {
            for (place, name) in bin.is.iter().flatten().enumerate() {
                let message = match first.entry(name) {
                    Entry::Vacant(entry) => {
                        entry.insert(at);
                        continue;
                    }
                    Entry::Occupied(entry) if *entry.get() == at => {
                        format!("{name:?} stands twice in this bin")
                    }
                    Entry::Occupied(entry) => {
                        format!("{name:?} stands in bins[{}] already", entry.get())
                    }
                };
                self.find(&format!("bins[{at}].is[{place}]"), message);
            }
        }
    }

    /// The names of all bins with the code of their bin.
    fn listed<'b>(&mut self, written: &'b [Bin], labels: &mut Labels) -> Vec<(u8, &'b str)> {
        self.listed_twice(written);
        let mut listed = Vec::new();
        for (at, bin) in written.iter().enumerate() {
            if bin.from.is_some() || bin.to.is_some() || bin.is.as_ref().is_none_or(Vec::is_empty) {
                let message = "must list categories, and have neither from nor to".to_owned();
                self.find(&format!("bins[{at}].is"), message);
            }
            let code = FIRST + u8::try_from(at).expect("bins are at most 200");
            listed.extend(bin.is.iter().flatten().map(|name| (code, name.as_str())));
            let label = bin.is.as_ref().map_or_else(String::new, |names| names.join(", "));
            labels.push((label, bin.points, bin.reason.clone()));
        }
        listed
    }
}

fn shown(number: Option<i64>, scale: i64) -> String {
    match number {
        Some(number) if scale == 1 => number.to_string(),
        Some(number) => decimal(number, scale),
        None => "open".to_owned(),
    }
}

/// A decimal number in parts of 1/scale, if it is one without a remainder.
fn parse_decimal(text: &str, scale: i64) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(rest) || rest.len() > scale.ilog10() as usize {
        return None;
    }
    let width = scale.ilog10() as usize;
    let rest = if width == 0 { 0 } else { format!("{rest:0<width$}").parse().ok()? };
    let whole: i64 = whole.parse().ok()?;
    whole.checked_mul(scale)?.checked_add(rest)?.checked_mul(sign)
}
