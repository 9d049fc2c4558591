//! Hit and record → verdict: views of the record, error positions, evidence, tenant.
