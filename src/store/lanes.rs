//! The directory of lanes and zone sets. Both are interned: their numbers are
//! hashes of what they are made of, so nobody has to ask for them.

use crate::model::{LaneKey, Part, PortfolioNo, RecoveryGroup, Stage, WorkKind};

use super::StoreError;
use super::db::{Batch, Column, Tx, int_list, params, statements};
use super::encode::{Place, route_from};
use super::row::row;

statements! {
    LOAD_ZONE_SETS = "SELECT zone_set_id, zones FROM zone_set \
        WHERE part = $1 AND zone_set_id IN {ints:$2}";
    LOAD_LANES = "SELECT part, lane_id, zone_set_id, portfolio_no, language, stage, \
        recovery_group, work_kind, route FROM lane WHERE part = $1 AND lane_id IN {ints:$2}";
    LANES_OF = "SELECT part, lane_id, zone_set_id, portfolio_no, language, stage, \
        recovery_group, work_kind, route FROM lane WHERE part = $1 ORDER BY lane_id";
    ZONE_SETS_OF = "SELECT zone_set_id, zones FROM zone_set WHERE part = $1 ORDER BY zone_set_id";
    // Named cross-part scans: the directory is read whole at start.
    ALL_LANES = "SELECT part, lane_id, zone_set_id, portfolio_no, language, stage, \
        recovery_group, work_kind, route FROM lane ORDER BY part, lane_id";
    ALL_ZONE_SETS = "SELECT part, zone_set_id, zones FROM zone_set ORDER BY part, zone_set_id";
}

const INT: Column = Column::Int;

pub(crate) const INSERT_LANES: Batch = Batch {
    text: "INSERT INTO lane (part, lane_id, zone_set_id, portfolio_no, language, stage, \
        recovery_group, work_kind, route) VALUES {rows} ON CONFLICT (part, lane_id) DO NOTHING",
    fixed: 0,
    columns: &[INT, INT, INT, INT, Column::Text, INT, INT, INT, Column::Text],
};

pub(crate) const INSERT_ZONE_SETS: Batch = Batch {
    text: "INSERT INTO zone_set (part, zone_set_id, zones) VALUES {rows} \
        ON CONFLICT (part, zone_set_id) DO NOTHING",
    fixed: 0,
    columns: &[INT, INT, Column::Text],
};

/// All batches of this file.
#[cfg(test)]
pub(crate) const BATCHES: &[Batch] = &[INSERT_LANES, INSERT_ZONE_SETS];

row! {
    struct LaneRow {
        part: i64,
        lane_id: i64,
        zone_set_id: i64,
        portfolio_no: i64,
        language: String,
        stage: i64,
        recovery_group: i64,
        work_kind: i64,
        route: String,
    }
}

impl LaneRow {
    fn lane(self) -> Result<LaneKey, StoreError> {
        let place = Place { table: "lane", part: self.part, key: self.lane_id };
        let stage = Stage::from_number(self.stage);
        let group = RecoveryGroup::from_number(self.recovery_group);
        let (Some(stage), Some(group)) = (stage, group) else {
            return Err(place.corrupt("its stage or group is not known"));
        };
        if self.work_kind != WorkKind::Collect as i64 {
            return Err(place.corrupt(format!("work kind {} is not known", self.work_kind)));
        }
        let route = route_from(Some(&self.route), place)?;
        let key = LaneKey {
            zone_set_id: self.zone_set_id,
            portfolio_no: PortfolioNo(self.portfolio_no),
            language: self.language,
            stage,
            group,
            work_kind: WorkKind::Collect,
            route,
        };
        if key.lane_id() != self.lane_id {
            return Err(place.corrupt("its number is not the hash of what it is made of"));
        }
        Ok(key)
    }
}

/// All lanes of all parts.
pub(crate) async fn all_lanes(tx: &mut Tx) -> Result<Vec<(Part, LaneKey)>, StoreError> {
    let rows: Vec<LaneRow> = tx.fetch_all(ALL_LANES, vec![]).await?;
    rows.into_iter().map(|row| Ok((Part(row.part), row.lane()?))).collect()
}

/// All lanes of a part.
pub(crate) async fn lanes_of(tx: &mut Tx, part: Part) -> Result<Vec<LaneKey>, StoreError> {
    let rows: Vec<LaneRow> = tx.fetch_all(LANES_OF, params![part.0]).await?;
    rows.into_iter().map(LaneRow::lane).collect()
}

/// All zone sets of a part: number, IANA names.
pub(crate) async fn zone_sets_of(
    tx: &mut Tx,
    part: Part,
) -> Result<Vec<(i64, Vec<String>)>, StoreError> {
    let rows: Vec<(i64, String)> = tx.fetch_all(ZONE_SETS_OF, params![part.0]).await?;
    let names = |zones: String| zones.split(' ').map(str::to_owned).collect();
    Ok(rows.into_iter().map(|(id, zones)| (id, names(zones))).collect())
}

/// Lanes by number.
pub(crate) async fn load_lanes(
    tx: &mut Tx,
    part: Part,
    lane_ids: Vec<i64>,
) -> Result<Vec<LaneKey>, StoreError> {
    let rows: Vec<LaneRow> = tx.fetch_all(LOAD_LANES, params![part.0, int_list(lane_ids)]).await?;
    rows.into_iter().map(LaneRow::lane).collect()
}

/// All zone sets of all parts: part, number, IANA names.
pub(crate) async fn all_zone_sets(
    tx: &mut Tx,
) -> Result<Vec<(Part, i64, Vec<String>)>, StoreError> {
    let rows: Vec<(i64, i64, String)> = tx.fetch_all(ALL_ZONE_SETS, vec![]).await?;
    Ok(rows
        .into_iter()
        .map(|(part, id, zones)| (Part(part), id, zones.split(' ').map(str::to_owned).collect()))
        .collect())
}

/// Zone sets by number: IANA names.
pub(crate) async fn load_zone_sets(
    tx: &mut Tx,
    part: Part,
    ids: Vec<i64>,
) -> Result<Vec<(i64, Vec<String>)>, StoreError> {
    let rows: Vec<(i64, String)> =
        tx.fetch_all(LOAD_ZONE_SETS, params![part.0, int_list(ids)]).await?;
    let names = |zones: String| zones.split(' ').map(str::to_owned).collect();
    Ok(rows.into_iter().map(|(id, zones)| (id, names(zones))).collect())
}

/// Writes lanes that may exist already.
pub(crate) async fn insert_lanes(
    tx: &mut Tx,
    part: Part,
    lanes: &[LaneKey],
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(lanes.len() * INSERT_LANES.columns.len());
    for lane in lanes {
        rows.extend(params![
            part.0,
            lane.lane_id(),
            lane.zone_set_id,
            lane.portfolio_no.0,
            lane.language.as_str(),
            lane.stage as i16,
            lane.group as i16,
            lane.work_kind as i16,
            lane.route.label(),
        ]);
    }
    tx.execute_batch(INSERT_LANES, vec![], rows).await?;
    Ok(())
}

/// Writes zone sets that may exist already.
pub(crate) async fn insert_zone_sets(
    tx: &mut Tx,
    part: Part,
    ids: &[i64],
    sets: &[Vec<String>],
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(sets.len() * INSERT_ZONE_SETS.columns.len());
    for (id, zones) in ids.iter().zip(sets) {
        rows.extend(params![part.0, *id, zones.join(" ")]);
    }
    tx.execute_batch(INSERT_ZONE_SETS, vec![], rows).await?;
    Ok(())
}
