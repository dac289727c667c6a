"""What the data must look like. With other data, this is the file of data_checks/ to edit.

COLUMNS       every column: type, nulls, range, set. The key, the label and the slices stand here too.
EXPECTATIONS  what no single value shows: distributions, counts, rules across columns, the label's balance.
              `expect(...)` takes the name and the settings of any expectation of Great Expectations.
Run:          make local-test runs it on data/ as the first step of a release
"""

from __future__ import annotations

from data_checks.contract import (
    Column,
    Expectation,
    expect,
    label_balance,
    no_drift,
    no_row_in_two_splits,
    no_rows_where,
    no_target_leakage,
)

# fmt: off  (sets read better as lists of words than one value a line)
WORKCLASS = (
    "Federal-gov",
    "Local-gov",
    "Never-worked",
    "Private",
    "Self-emp-inc",
    "Self-emp-not-inc",
    "State-gov",
    "Without-pay",
)
EDUCATION = (
    "Preschool",
    "1st-4th",
    "5th-6th",
    "7th-8th",
    "9th",
    "10th",
    "11th",
    "12th",
    "HS-grad",
    "Some-college",
    "Assoc-voc",
    "Assoc-acdm",
    "Bachelors",
    "Masters",
    "Prof-school",
    "Doctorate",
)
MARITAL_STATUS = (
    "Divorced",
    "Married-AF-spouse",
    "Married-civ-spouse",
    "Married-spouse-absent",
    "Never-married",
    "Separated",
    "Widowed",
)
OCCUPATION = (
    "Adm-clerical",
    "Armed-Forces",
    "Craft-repair",
    "Exec-managerial",
    "Farming-fishing",
    "Handlers-cleaners",
    "Machine-op-inspct",
    "Other-service",
    "Priv-house-serv",
    "Prof-specialty",
    "Protective-serv",
    "Sales",
    "Tech-support",
    "Transport-moving",
)
# fmt: on
RELATIONSHIP = ("Husband", "Not-in-family", "Other-relative", "Own-child", "Unmarried", "Wife")
RACE = ("Amer-Indian-Eskimo", "Asian-Pac-Islander", "Black", "Other", "White")

COLUMNS: tuple[Column, ...] = (
    Column("row_id", "integer", minimum=1),
    Column("age", "integer", minimum=17, maximum=90, unit="years"),
    Column("workclass", "string", nullable=True, values=WORKCLASS),
    Column("fnlwgt", "integer", minimum=1, maximum=2_000_000, unit="people this row stands for"),
    Column("education", "string", values=EDUCATION),
    Column("education_num", "integer", minimum=1, maximum=16, unit="place in the order of education"),
    Column("marital_status", "string", values=MARITAL_STATUS),
    Column("occupation", "string", nullable=True, values=OCCUPATION),
    Column("relationship", "string", values=RELATIONSHIP),
    Column("race", "string", values=RACE),
    Column("sex", "string", values=("Female", "Male")),
    Column("capital_gain", "number", minimum=0, maximum=99_999, unit="dollars"),
    Column("capital_loss", "number", minimum=0, maximum=5_000, unit="dollars"),
    Column("hours_per_week", "integer", minimum=1, maximum=99, unit="hours"),
    # An open set: some countries have one row, and a new one is no fault of the data.
    Column("native_country", "string", nullable=True),
    Column("income", "string", values=("<=50K", ">50K")),  # binary: the last class is the positive one
)

EXPECTATIONS: tuple[Expectation, ...] = (
    expect("expect_table_row_count_to_be_between", min_value=20_000, max_value=200_000),
    expect("expect_column_mean_to_be_between", "age", min_value=37, max_value=40),
    expect("expect_column_mean_to_be_between", "hours_per_week", min_value=39, max_value=42),
    expect("expect_column_mean_to_be_between", "capital_gain", min_value=700, max_value=1_500),
    expect(
        "expect_column_quantile_values_to_be_between",
        "age",
        quantile_ranges={"quantiles": [0.1, 0.5, 0.9], "value_ranges": [[20, 24], [35, 39], [55, 61]]},
    ),
    expect(
        "expect_column_quantile_values_to_be_between",
        "education_num",
        quantile_ranges={"quantiles": [0.25, 0.5, 0.75], "value_ranges": [[8, 10], [9, 11], [11, 13]]},
    ),
    expect("expect_column_unique_value_count_to_be_between", "native_country", min_value=30, max_value=60),
    expect("expect_column_values_to_not_be_null", "workclass", mostly=0.9),
    expect("expect_column_values_to_not_be_null", "occupation", mostly=0.9),
    expect("expect_column_values_to_not_be_null", "native_country", mostly=0.95),
    no_rows_where("capital gain and capital loss in one year", "capital_gain > 0 AND capital_loss > 0"),
    no_rows_where("work without an occupation", "occupation IS NULL AND workclass <> 'Never-worked'"),
    label_balance(minimum_share=0.15),
    no_row_in_two_splits(maximum_share=0.005),  # the source repeats 24 rows
    no_target_leakage(maximum=0.95),  # the best one here tells 0.17
    no_drift(maximum_psi=0.25, severity="warning"),  # against the champion's training rows
    no_drift(maximum_psi=1.0),
)
