//! Floor 3: what one can do: browse, explain, act; joins the rooms below.
