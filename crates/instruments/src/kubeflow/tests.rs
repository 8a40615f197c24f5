//! The rules of every kind, case by case.
