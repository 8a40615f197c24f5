//! What a list over several clusters looks like to each of them: the whole list's columns, and the cluster as a field.
//!
//! The first column of the whole list is the cluster; the others are those of all clusters, joined by name. A question is
//! about these; what one cluster is asked of it has the conditions on the cluster decided, and each column at its own place.

use std::sync::Arc;

use jiff::Timestamp;
use pilothouse_model::{
    Cell, Column, ColumnKind, Field, Filter, Labels, Resource, Row, Sort, Status, Str, Uid, Version,
};

/// The id of the column that tells the cluster.
pub(crate) const CLUSTER: &str = "cluster";

/// A cluster among several whose rows are shown together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Among {
    cluster: Str,
    columns: Arc<[Column]>,
}

/// A key that rows of several clusters are ordered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The cluster's name.
    Cluster,
    /// A field of the cluster's own rows.
    Field(Field),
}

/// The columns of a list over clusters whose own lists have these columns: that of the cluster first.
pub(crate) fn joined<'a>(lists: impl Iterator<Item = &'a [Column]>) -> Arc<[Column]> {
    let mut columns = vec![Column::new("Cluster", ColumnKind::Text)];
    for column in lists.flatten() {
        let column = renamed(column);
        if !columns.iter().any(|known| known.id == column.id) {
            columns.push(column);
        }
    }
    columns.into()
}

/// A column of the objects' own that is called as the cluster's is gives way.
fn renamed(column: &Column) -> Column {
    match &*column.id {
        CLUSTER => Column { id: "own-cluster".into(), ..column.clone() },
        _ => column.clone(),
    }
}

impl Among {
    /// This cluster in a list with these columns, the first of which is the cluster's.
    pub(crate) fn new(cluster: &str, columns: Arc<[Column]>) -> Self {
        Self { cluster: cluster.into(), columns }
    }

    /// The whole list's columns as this cluster means them, whose own are `own`: the same fields, of its own kinds.
    pub(crate) fn columns_of(&self, own: &[Column]) -> Vec<Column> {
        let mean = |column: &Column| own.iter().map(renamed).find(|own| own.id == column.id);
        let all = self.columns.iter().enumerate();
        all.map(|(at, column)| mean(column).filter(|_| at > 0).unwrap_or_else(|| column.clone())).collect()
    }

    /// Where each column of the whole list stands in this cluster's own; `None` where it has none such.
    pub(crate) fn places(&self, own: &[Column]) -> Vec<Option<usize>> {
        let own: Vec<Str> = own.iter().map(|column| renamed(column).id).collect();
        let place = |(at, column): (usize, &Column)| own.iter().position(|id| at > 0 && *id == column.id);
        self.columns.iter().enumerate().map(place).collect()
    }

    /// A question about the whole list as it is asked of this cluster.
    pub(crate) fn filter(&self, filter: Filter, own: &[Column]) -> Filter {
        let places = self.places(own);
        let field = |field| match field {
            Field::Column(at) => Field::Column(place(&places, at)),
            field => field,
        };
        leaves(filter, &|leaf| match decided(&leaf, &self.cluster) {
            Some(true) => Filter::All,
            Some(false) => Filter::Not(Box::new(Filter::All)),
            None => match leaf {
                Filter::Compare(of, comparison, operand) => Filter::Compare(field(of), comparison, operand),
                Filter::Exists(of) => Filter::Exists(field(of)),
                leaf => leaf,
            },
        })
    }

    /// An order of the whole list as this cluster orders its own rows: they are all of one cluster.
    pub(crate) fn order(&self, order: &[Sort], own: &[Column]) -> Vec<Sort> {
        self.keys(order, own)
            .into_iter()
            .filter_map(|(key, descending)| match key {
                Key::Cluster => None,
                Key::Field(field) => Some(Sort { field, descending }),
            })
            .collect()
    }

    /// The keys of an order of the whole list as they are found in this cluster's rows.
    pub(super) fn keys(&self, order: &[Sort], own: &[Column]) -> Vec<(Key, bool)> {
        let places = self.places(own);
        let key = |sort: &Sort| match &sort.field {
            Field::Column(0) => Key::Cluster,
            Field::Column(at) => Key::Field(Field::Column(place(&places, *at))),
            field => Key::Field(field.clone()),
        };
        order.iter().map(|sort| (key(sort), sort.descending)).collect()
    }

    /// A row of this cluster as the whole list shows it, whose columns are at these places of its own.
    pub(super) fn row(&self, row: &Row, places: &[Option<usize>]) -> Row {
        let cell = |place: &Option<usize>| match place {
            Some(place) => row.cells.get(*place).cloned().unwrap_or(Cell::Unknown),
            None => Cell::Missing,
        };
        let mut cells: Vec<Cell> = places.iter().map(cell).collect();
        if let Some(first) = cells.first_mut() {
            *first = Cell::Text(Str::clone(&self.cluster));
        }
        Row { cells: cells.into(), ..row.clone() }
    }
}

/// The place of a column in a cluster's own rows; one that no row has where the cluster has no such column.
fn place(places: &[Option<usize>], at: usize) -> usize {
    places.get(at).copied().flatten().unwrap_or(usize::MAX)
}

/// The filter with each of its conditions changed.
fn leaves(filter: Filter, change: &impl Fn(Filter) -> Filter) -> Filter {
    let every = |filters: Vec<Filter>| filters.into_iter().map(|filter| leaves(filter, change)).collect();
    match filter {
        Filter::And(filters) => Filter::And(every(filters)),
        Filter::Or(filters) => Filter::Or(every(filters)),
        Filter::Not(filter) => Filter::Not(Box::new(leaves(*filter, change))),
        leaf => change(leaf),
    }
}

/// Whether a condition on the cluster holds; `None` for conditions on anything else.
pub(crate) fn decided(leaf: &Filter, cluster: &Str) -> Option<bool> {
    match leaf {
        Filter::Compare(Field::Column(0), ..) | Filter::Exists(Field::Column(0)) => {
            Some(leaf.matches(&row_of(cluster), Timestamp::UNIX_EPOCH))
        }
        _ => None,
    }
}

/// Whether a filter can hold for anything, as far as `known` decides its conditions; `None` where that depends on the rest.
pub(crate) fn may_hold(filter: &Filter, known: &dyn Fn(&Filter) -> Option<bool>) -> Option<bool> {
    let every = |filters: &[Filter], end: bool| {
        let mut all = Some(!end);
        for filter in filters {
            match may_hold(filter, known) {
                Some(holds) if holds == end => return Some(end),
                Some(_) => {}
                None => all = None,
            }
        }
        all
    };
    match filter {
        Filter::All => Some(true),
        Filter::And(filters) => every(filters, false),
        Filter::Or(filters) => every(filters, true),
        Filter::Not(filter) => may_hold(filter, known).map(|holds| !holds),
        leaf => known(leaf),
    }
}

/// A row that says nothing but its cluster.
pub(crate) fn row_of(cluster: &Str) -> Row {
    let nothing = || Str::from("");
    Row {
        resource: Arc::new(Resource::new("", "", "", "")),
        namespace: None,
        name: nothing(),
        uid: Uid::None,
        version: Version::None,
        created: None,
        deleted: None,
        labels: Labels::default(),
        owners: Arc::default(),
        images: Arc::default(),
        status: Status::none(),
        cells: Box::new([Cell::Text(Str::clone(cluster))]),
    }
}

#[cfg(test)]
mod tests {
    use pilothouse_model::{Object, Projection};
    use serde_json::json;

    use super::*;
    use crate::ask::Ask;

    fn own() -> Vec<Column> {
        vec![Column::new("Ready", ColumnKind::Fraction), Column::new("Cluster", ColumnKind::Text)]
    }

    fn other() -> Vec<Column> {
        vec![Column::new("Phase", ColumnKind::Text), Column::new("Ready", ColumnKind::Text)]
    }

    fn columns() -> Arc<[Column]> {
        joined([&own()[..], &other()].into_iter())
    }

    fn row(name: &str, cells: Vec<Cell>) -> Row {
        let object = Object::new(json!({"metadata": {"name": name}})).unwrap();
        let projection = Projection { status: Status::none(), cells };
        Row::assemble(Arc::new(Resource::new("", "v1", "pods", "Pod")), &object, projection, &mut |text| text.into())
    }

    #[test]
    fn columns_join_by_name_and_the_clusters_own_comes_first() {
        let ids: Vec<_> = columns().iter().map(|column| column.id.to_string()).collect();
        assert_eq!(ids, ["cluster", "ready", "own-cluster", "phase"]);
        let kinds: Vec<_> = Among::new("b", columns()).columns_of(&other()).iter().map(|column| column.kind).collect();
        assert_eq!(kinds, [ColumnKind::Text; 4], "the kind is that of the cluster's own column");
    }

    #[test]
    fn a_row_has_its_cells_where_the_whole_list_has_them() {
        let row = row("web", vec![Cell::text("Up"), Cell::text("yes")]);
        let among = Among::new("b", columns());
        let shown = among.row(&row, &among.places(&other()));
        assert_eq!(*shown.cells, [Cell::text("b"), Cell::text("yes"), Cell::Missing, Cell::text("Up")]);
    }

    #[test]
    fn each_cluster_is_asked_what_concerns_it() {
        let matches = |q: &str, cluster: &str| {
            let among = Some(Arc::new(Among::new(cluster, columns())));
            let plan = Ask { q: q.to_owned(), among, ..Ask::default() }.plan(&own()).unwrap();
            plan.matches(&row("web", vec![Cell::fraction(1, 2), Cell::text("mine")]), Timestamp::UNIX_EPOCH)
        };
        for (q, a, b) in [
            ("cluster:a", true, false),
            ("-cluster:a", false, true),
            ("cluster:a,b", true, true),
            ("cluster:a ready:1/2", true, false),
            ("cluster:a OR name:web", true, true),
            ("cluster:a OR name:other", true, false),
            ("own-cluster:mine", true, true),
            ("phase:Up", false, false),
            ("-phase:Up cluster:b", false, true),
            ("has:cluster", true, true),
        ] {
            assert_eq!((matches(q, "a"), matches(q, "b")), (a, b), "{q}");
        }
    }

    #[test]
    fn rows_of_one_cluster_are_not_ordered_by_it() {
        let among = Among::new("a", columns());
        let ask =
            Ask { sort: "-cluster,ready,name".to_owned(), among: Some(Arc::new(among.clone())), ..Ask::default() };
        let plan = ask.plan(&own()).unwrap();
        assert_eq!(
            plan.order.iter().map(|sort| sort.field.clone()).collect::<Vec<_>>(),
            [Field::Column(0), Field::Name]
        );
        let order = pilothouse_query::parse_sort("-cluster,phase", &among.columns_of(&own())).unwrap();
        let keys = among.keys(&order, &own());
        assert_eq!(keys, [(Key::Cluster, true), (Key::Field(Field::Column(usize::MAX)), false)]);
    }

    #[test]
    fn what_cannot_hold_is_known_before_it_is_asked() {
        let may = |q: &str| {
            let filter = pilothouse_query::parse(q, &columns()).unwrap();
            may_hold(&filter, &|leaf| decided(leaf, &"a".into()))
        };
        for (q, expected) in [
            ("", Some(true)),
            ("cluster:a", Some(true)),
            ("cluster:b", Some(false)),
            ("cluster:b web", Some(false)),
            ("cluster:a web", None),
            ("cluster:b OR web", None),
            ("cluster:a OR web", Some(true)),
            ("NOT (cluster:a OR web)", Some(false)),
            ("-web", None),
        ] {
            assert_eq!(may(q), expected, "{q}");
        }
    }
}
