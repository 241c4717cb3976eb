"""Everything the pipeline needs at Amazon, as one CloudFormation template.

`python -m deployments.aws` writes `unvoiced.yaml` from these modules. Policies of roles, and who
may use which key, come from the role table (`unvoiced.access.roles`) and are not written twice.
"""
