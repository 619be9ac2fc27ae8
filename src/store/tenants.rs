//! Tenants: whose a part is, and over how many a tenant is spread.

use crate::model::{BUCKETS_MAX, Micros, Part, Parts};

use super::StoreError;
use super::db::{Tx, params, statements};

statements! {
    CLAIM = "INSERT INTO tenant (part, tenant, buckets, create_time) \
        VALUES ($1, $2, $3, $4) ON CONFLICT (part) DO NOTHING";
    OF_PART = "SELECT tenant, buckets FROM tenant WHERE part = $1";
}

/// Makes sure that the parts of a tenant are its own, and returns them: spread over as
/// many buckets as when the tenant was first seen, or over `buckets` if that is now.
///
/// # Errors
/// `Corrupt` where another tenant's name hashes to one of them: it is refused for good.
pub(crate) async fn claim(
    tx: &mut Tx,
    (tenant, buckets): (&str, i64),
    now: Micros,
) -> Result<Parts, StoreError> {
    let home = Part::of_tenant(tenant);
    claim_part(tx, home, (tenant, buckets), now).await?;
    let parts = match find(tx, tenant).await? {
        Some(parts) => parts,
        None => return Err(taken(home, tenant)),
    };
    for part in parts.all().iter().filter(|part| **part != home) {
        claim_part(tx, *part, (tenant, parts.buckets()), now).await?;
    }
    Ok(parts)
}

/// The parts of a tenant; nothing for one that was never seen.
pub(crate) async fn find(tx: &mut Tx, tenant: &str) -> Result<Option<Parts>, StoreError> {
    let home = Part::of_tenant(tenant);
    let Some((owner, buckets)) = of_part(tx, home).await? else { return Ok(None) };
    if owner != tenant {
        return Err(taken(home, tenant));
    }
    if !(1..=BUCKETS_MAX).contains(&buckets) {
        return Err(StoreError::Corrupt {
            table: "tenant",
            key: home.to_string(),
            why: format!("it is spread over {buckets} parts; 1 to {BUCKETS_MAX} are possible"),
        });
    }
    Ok(Some(Parts::of_tenant(tenant, buckets)))
}

/// The parts of the tenant whose part this is.
///
/// # Errors
/// `Corrupt` where it is nobody's.
pub(crate) async fn owning(tx: &mut Tx, part: Part) -> Result<Parts, StoreError> {
    let missing = || StoreError::Corrupt {
        table: "tenant",
        key: part.to_string(),
        why: "it is missing".to_owned(),
    };
    let (tenant, _) = of_part(tx, part).await?.ok_or_else(missing)?;
    find(tx, &tenant).await?.ok_or_else(missing)
}

async fn claim_part(
    tx: &mut Tx,
    part: Part,
    (tenant, buckets): (&str, i64),
    now: Micros,
) -> Result<(), StoreError> {
    tx.execute(CLAIM, params![part.0, tenant, buckets, now.0]).await?;
    match of_part(tx, part).await? {
        Some((owner, _)) if owner == tenant => Ok(()),
        _ => Err(taken(part, tenant)),
    }
}

async fn of_part(tx: &mut Tx, part: Part) -> Result<Option<(String, i64)>, StoreError> {
    tx.fetch_optional(OF_PART, params![part.0]).await
}

fn taken(part: Part, tenant: &str) -> StoreError {
    StoreError::Corrupt {
        table: "tenant",
        key: part.to_string(),
        why: format!("{tenant:?} hashes to the part of another tenant"),
    }
}
