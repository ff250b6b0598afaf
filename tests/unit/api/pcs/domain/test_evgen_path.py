"""What the path of generated events says, and the sample's name that is made of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.pcs.domain import names, value_forms
from api.pcs.domain.evgen_path import read_path, sample_name

DIS = "/volatile/eic/EPIC/EVGEN/DIS/NC/pythia8.316-1.0/noRad/ep/10x100/q2_1to10"


def test_a_path_says_what_it_is_of():
    said = read_path(DIS)
    assert said.category == "DIS"
    assert said.physics_parameters() == {
        "process": "NC", "beam_energy_electron": "10", "beam_energy_hadron": "100"
    }  # fmt: skip
    assert said.evgen_parameters() == {"generator": "pythia8.316", "generator_version": "1.0"}
    assert said.axes.filters("craterlake") == {
        "detector": "craterlake", "beam": "10x100", "physics": "NC", "q2": "q2_1to10"
    }  # fmt: skip
    assert said.rest == ("noRad", "ep", "q2_1to10")


def test_a_single_particles_path_says_species_energy_and_angle():
    said = read_path("/volatile/eic/EPIC/EVGEN/SINGLE/pi+/10GeV/3to50deg")
    assert (said.axes.species, said.axes.energy, said.angular_range) == ("pi+", "10GeV", "3to50deg")
    assert sample_name(said, "x", longest=80) == "piplus_10GeV_3to50deg"


@given(path=st.from_regex(value_forms.TASK_NAME.pattern, fullmatch=True), room=st.integers(12, 120))
def test_a_samples_name_is_of_its_form_and_fits(path, room):
    sample = sample_name(read_path(path), path, longest=room)
    assert len(sample) <= room
    assert not sample or value_forms.SEGMENT.problem(sample) is None
    assert names.sample_problem(sample) is None
