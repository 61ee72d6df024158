"""Mixtures take the chosen layers from the column and the others from the row."""

import numpy as np
import pytest
import torch

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.images import synthesize
from stylegan_pokemon.render.layers import describe_layers, groups_of, parse_layers, rows_of
from stylegan_pokemon.render.mixing import mix_sheet, mixed_ws
from stylegan_pokemon.render.pictures import RenderOptions


@pytest.mark.parametrize(
    ("layers", "taken"), [("coarse", [0, 1, 2]), ("middle", [3, 4, 5]), ("4", [4]), ("1-4", [1, 2, 3, 4])]
)
def test_mixtures_are_put_together_layer_by_layer(source, layers, taken):
    ws = torch.stack([torch.full((6, 16), float(i)) + torch.arange(6)[:, None] / 10 for i in range(5)])
    mixed = mixed_ws(ws[:2], ws[2:], layers)
    for row in range(2):
        for column in range(3):
            parts = [ws[2 + column, i] if i in taken else ws[row, i] for i in range(6)]
            assert torch.equal(mixed[row, column], torch.stack(parts))
    assert torch.equal(mixed_ws(ws[:2], ws[2:], "all")[1], ws[2:])


def test_the_sheet_shows_the_sources_and_what_their_layers_draw_together(source):
    options = RenderOptions(0.7)
    sheet, ws = mix_sheet(source, [3, 4], [5], [0] * 3, "coarse", options)
    rows, column = source.ws([3, 4], [0, 0], 0.7), source.ws([5], [0], 0.7)
    by_hand = torch.stack([torch.cat([column[0, :3], row[3:]]) for row in rows])
    torch.testing.assert_close(ws[:, 0], by_hand, atol=1e-6, rtol=0)
    for picture in [*synthesize(source.G, by_hand), *synthesize(source.G, torch.cat([rows, column]))]:
        tile = picture.repeat(8, axis=0).repeat(8, axis=1).astype(int)  # 16 pixels are enlarged to 128
        windows = np.lib.stride_tricks.sliding_window_view(sheet.astype(int), tile.shape)[:, :, 0]
        corner = (np.abs(windows[:, :, 0, 0] - tile[0, 0]) <= 1).all(axis=-1)
        assert any(np.abs(windows[y, x] - tile).max() <= 1 for y, x in np.argwhere(corner))


def test_layers_are_named_as_the_papers_do(source):
    assert [list(rows) for rows in groups_of(10).values()] == [[0, 1, 2], [3, 4, 5, 6], [7, 8, 9]]
    assert list(groups_of(6)) == ["coarse", "middle"]
    assert rows_of("fine", 18) == range(7, 18)
    assert describe_layers("middle", 10) == "middle layers (3-6)"
    assert describe_layers("4", 10) == "layers 4"
    for text in ("", "rough", "1-", "-3", "1,2", "1-2-3", "٣"):
        with pytest.raises(UserError, match="choose coarse, middle, fine, all, or write 0-6"):
            parse_layers(text)
    for layers in ("fine", "6", "3-9", "4-2"):
        with pytest.raises(UserError, match="this network has the layers 0-5"):
            rows_of(layers, 6)
