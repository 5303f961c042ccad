"""Renders a manifest from the options of render-job, by the other modules of this package."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from gke_jobs.rendering.identity import Run, identify
from gke_jobs.rendering.last_attempt import read as read_last_attempt
from gke_jobs.rendering.manifest import read_manifest, stamp, stamp_owned
from gke_jobs.rendering.places import places_of
from gke_jobs.rendering.plan import summary, write_plan
from gke_jobs.rendering.profiles import choose_profile
from gke_jobs.rendering.size_limits import refuse_too_large
from gke_jobs.rendering.templating import Rendered, Renderer, find_template
from gke_jobs.rendering.validation import validate_offline
from gke_jobs.rendering.value_check import check_values
from gke_jobs.rendering.values import read_values
from gke_jobs.rendering.yaml_document import Path as DocumentPath
from gke_jobs.rendering.yaml_document import read_documents, read_documents_and_places, write_document


def render(
    *,
    template: str,
    values: str | None,
    profile: str | None,
    name: str | None,
    namespace: str | None,
    templates: Path,
    environ: Mapping[str, str],
    profile_for: str | None = None,
    profiles: str | None = None,
    last_attempt: str | None = None,
    settings: Sequence[str] = (),
    validate: str = "off",
    kubernetes_version: str | None = None,
    places: str | None = None,
    output: str | None = None,
) -> str:
    """Render the manifest that the options of render-job ask for, as YAML text; with `output` see plan.summary.

    `templates` is the directory of templates and profiles; `environ` names the task of the Job and may have the values.
    RenderError if the manifest cannot be rendered.
    """
    file = find_template(template, templates)
    run = Run.from_environment(environ)
    identity = identify(run, work=name or file.name.partition(".")[0], environ=environ)
    name = identity.name if name is None else name
    tables = [templates / "profiles.yaml", *([] if profiles is None else [Path(profiles)])]
    last = None if last_attempt is None else read_last_attempt(Path(last_attempt))
    machine, price = choose_profile(tables, profile=profile, profile_for=profile_for, last=last)
    given = read_values(values, environ, settings)
    found_places: dict[DocumentPath, str] = {}
    if file.suffix == ".json":
        from gke_jobs.rendering.plain_manifest import read_plain  # not needed for a template

        documents = read_plain(file, given, machine["name"], name)
        manifest = work = read_manifest(documents, file.name)
    else:
        renderer = Renderer(file.parent, templates)
        check_values(given, file, renderer)
        context = {"values": given, "profile": machine, "job": {"name": name}}

        def rendered(try_number: str) -> Rendered:
            return renderer.render(file.name, context | {"run": run.as_dict() | {"try_number": try_number}})

        of_this_try, of_any_try = rendered(run.try_number), rendered("")
        documents, found_places = read_documents_and_places(of_this_try)
        manifest = read_manifest(documents, file.name)
        # A template may pass the try number to the container; the work is the same.
        work = manifest if of_any_try == of_this_try else read_manifest(read_documents(of_any_try), file.name)
    job = stamp(
        manifest.job,
        name=name,
        namespace=namespace,
        identity=identity,
        run=run,
        work=work.hash,
        profile=machine["name"],
        price=price,
        lost_attempts=last.lost if last is not None and last.profile == machine["name"] else 0,
    )
    stamped = [job, *stamp_owned(manifest.owned, job)]
    for document in stamped:
        refuse_too_large(document, file.name)
    if places is not None or validate == "offline":
        known = places_of(documents, found_places)
        if places is not None:
            Path(places).write_text(json.dumps(known))
        if validate == "offline":
            for document in stamped:
                validate_offline(document, kubernetes_version, known)
    if output is not None:
        return summary(write_plan(stamped, Path(output)))
    return "---\n".join(map(write_document, stamped))
