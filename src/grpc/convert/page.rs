//! Pages of lists.

use crate::model::{PortfolioId, Reason, Violations};

use super::field::{TEXT_BYTES_MAX, text};
use super::path::ROOT;

/// How many entries a page has where the caller does not say.
const PAGE_SIZE_DEFAULT: usize = 100;

/// How many entries a page has at most.
const PAGE_SIZE_MAX: usize = 1_000;

/// Which page of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::grpc) struct Page {
    /// 1 to 1,000.
    pub(in crate::grpc) size: usize,
    /// Empty for the first.
    pub(in crate::grpc) token: String,
}

impl Page {
    /// Reads `page_size` and `page_token` of a request.
    pub(in crate::grpc) fn read(size: i32, token: String, broken: &mut Violations) -> Page {
        let token = text(token, TEXT_BYTES_MAX, &ROOT.field("page_token"), broken);
        let size = match usize::try_from(size) {
            Ok(0) => PAGE_SIZE_DEFAULT,
            Ok(size) => size.min(PAGE_SIZE_MAX),
            Err(_) => {
                let bound = "0 or more; more than 1,000 means 1,000";
                broken.add("page_size", Reason::FieldOutOfRange, size, bound);
                PAGE_SIZE_DEFAULT
            }
        };
        Page { size, token }
    }

    /// The page of a request that asks for what a portfolio has, and the portfolio.
    pub(in crate::grpc) fn of_portfolio(
        portfolio: &str,
        (size, token): (i32, String),
    ) -> Result<(Page, PortfolioId), Violations> {
        super::both(Page::alone(size, token), super::portfolio_id(portfolio))
    }

    /// The page of a request that asks for nothing else.
    pub(in crate::grpc) fn alone(size: i32, token: String) -> Result<Page, Violations> {
        let mut broken = Violations::new();
        let page = Page::read(size, token, &mut broken);
        broken.or(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_defaulted_cut_or_refused() {
        let size = |size| Page::alone(size, String::new()).map(|page| page.size);
        assert_eq!(size(0), Ok(100));
        assert_eq!(size(1), Ok(1));
        assert_eq!(size(1_000), Ok(1_000));
        assert_eq!(size(i32::MAX), Ok(1_000));
        for negative in [-1, i32::MIN] {
            assert_eq!(size(negative).unwrap_err().0[0].field, "page_size");
        }
        assert!(Page::alone(1, "t".repeat(1_025)).is_err());
    }
}
