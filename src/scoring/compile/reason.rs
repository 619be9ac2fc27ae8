//! Reasons: their codes, their texts in every language, and who may read them.

use super::super::card::{Characteristic, ReasonText};
use super::super::explanation::{Audience, Family};
use super::super::feature::Feature;
use super::super::language::{LANGUAGES_MAX, is_language};
use super::Compiler;

/// The most bytes of the text of a reason, in any language.
const REASON_BYTES_MAX: usize = 200;

impl Compiler<'_> {
    /// Checks a reason. `withheld`: whether it must not reach an agent.
    pub(super) fn reason(&mut self, field: &str, reason: &ReasonText, withheld: bool) {
        let upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if reason.code.is_empty() || reason.code.len() > 64 || !reason.code.bytes().all(upper) {
            let message = format!("{:?} must be 1 to 64 bytes of A-Z, 0-9 and _", reason.code);
            self.find(&format!("{field}.code"), message);
        }
        self.reason_texts(field, reason);
        if withheld && reason.audience != Audience::Analyst {
            self.find(
                &format!("{field}.audience"),
                "must be ANALYST: household, protected, standing and suspicion reasons \
                 never reach an agent"
                    .to_owned(),
            );
        }
    }

    fn reason_texts(&mut self, field: &str, reason: &ReasonText) {
        let sound = |text: &str| (1..=REASON_BYTES_MAX).contains(&text.len());
        let bound = format!("must have 1 to {REASON_BYTES_MAX} bytes");
        if !sound(&reason.text) {
            self.find(&format!("{field}.text"), bound.clone());
        }
        if reason.texts.len() > LANGUAGES_MAX {
            let count = reason.texts.len();
            let message = format!("has {count} entries; {LANGUAGES_MAX} are allowed");
            self.find(&format!("{field}.texts"), message);
        }
        for (tag, text) in &reason.texts {
            if !is_language(tag) {
                let message = format!(
                    "{tag:?} is no BCP 47 tag in its usual spelling, such as es or pt-BR, of a \
                     language other than en"
                );
                self.find(&format!("{field}.texts"), message);
            }
            if !sound(text) {
                self.find(&format!("{field}.texts.{tag}"), bound.clone());
            }
        }
    }

    /// Checks the reasons of a characteristic, of its bins and of its special values.
    pub(super) fn reasons(&mut self, written: &Characteristic, feature: &Feature) {
        let withheld = self.withheld
            || written.protected
            || written.family == Family::Household
            || feature.audience() == Audience::Analyst;
        self.reason("reason", &written.reason, withheld);
        for (at, one) in written.special.iter().enumerate() {
            if let Some(reason) = &one.reason {
                self.reason(&format!("special[{at}].reason"), reason, withheld);
            }
        }
        for (at, bin) in written.bins.iter().enumerate() {
            let field = format!("bins[{at}].reason");
            if let Some(reason) = &bin.reason {
                self.reason(&field, reason, withheld);
            }
            let categories = bin.is.iter().flatten();
            let suspicion = categories.into_iter().any(|name| feature.suspicion(name));
            let audience = bin.reason.as_ref().unwrap_or(&written.reason).audience;
            if suspicion && audience != Audience::Analyst {
                let message = "must be of audience ANALYST: the bin holds a suspicion".to_owned();
                self.find(&field, message);
            }
        }
    }
}
