"""FHIR R4 bulk exports: NDJSON files with one resource per line, one resource type per file.

Documentation: https://hl7.org/fhir/R4/ (a page per resource type, for example
https://hl7.org/fhir/R4/encounter.html), https://hl7.org/fhir/uv/bulkdata/export.html (files of an export),
https://hl7.org/fhir/us/core/STU3.1.1/ (race and ethnicity).
"""
