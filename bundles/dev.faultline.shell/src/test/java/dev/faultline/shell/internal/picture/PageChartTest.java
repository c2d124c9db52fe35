// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.picture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.snapshot.PageMap;
import java.awt.image.BufferedImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PageChartTest {
    @TempDir Path scratch;

    private static PageChart chart(Panel... panels) {
        return new PageChart("A <title>", List.of("a fact & more"), List.of(panels));
    }

    private static StoredPanel stored() {
        byte[] kinds = new byte[2 * 1024];
        kinds[0] = PageMap.SHARED;
        kinds[3] = PageMap.PATTERN;
        kinds[4] = PageMap.SHARED;
        kinds[5] = PageMap.PRIVATE;
        kinds[2046] = PageMap.UNREADABLE;
        kinds[2047] = PageMap.PRIVATE;
        return new StoredPanel(new PageMap(kinds));
    }

    @Test
    void aCellShowsTheMostParticularKindInIt() {
        String[] lines = chart(stored()).text(false, k -> null).split("\n");
        assertThat(lines).hasSize(18);
        assertThat(lines[1]).startsWith("  |.+#   ").hasSize(64 + 4);
        assertThat(lines[16]).endsWith(" !|");
        assertThat(lines[17])
                .isEqualTo(
                        "  each cell 8192 B: '!' cannot be read 1, '#' stored here 2, '+' 8 bytes repeated 1,"
                                + " '.' in the parent 2, ' ' all zero, not stored 2,042");
    }

    @Test
    void fewPagesMakeFewCells() {
        Panel p = new StoredPanel(new PageMap(new byte[] {0, 1, 2}));
        assertThat(chart(p).text(false, k -> null)).contains("\n  | .+|\n");
    }

    @Test
    void aTouchedCellShowsItsEarliestTouch() {
        int[] order = {2047, 0, 1, 2, 3, 4, 5, 6, 7, 2046};
        String[] lines =
                chart(new TouchedPanel("When", order, 2048)).text(false, k -> null).split("\n");
        assertThat(lines[0]).isEqualTo("When:");
        assertThat(lines[1]).startsWith("  |1357 ");
        assertThat(lines[16]).endsWith(" 0|");
        assertThat(lines[17]).endsWith("first to last 10, ' ' not touched 2,038");
    }

    @Test
    void coloursAreForTerminalsThatHaveThem() {
        Map<String, String> env = new HashMap<>(Map.of("TERM", "xterm-256color"));
        assertThat(chart(stored()).text(true, env::get)).contains("\u001b[38;5;");
        env.put("COLORTERM", "truecolor");
        assertThat(chart(stored()).text(true, env::get))
                .contains("\u001b[38;2;")
                .contains("\u001b[0m");
        assertThat(chart(stored()).text(false, env::get)).doesNotContain("\u001b");
        env.put("NO_COLOR", "1");
        assertThat(chart(stored()).text(true, env::get)).doesNotContain("\u001b");
    }

    @Test
    void pngAndSvgAreTheSamePicture() throws Exception {
        PageChart c = chart(stored(), new TouchedPanel("When", new int[] {5, 9}, 2048));
        Path png = scratch.resolve("a.PNG");
        Path svg = scratch.resolve("a.svg");
        c.write(png);
        c.write(svg);

        BufferedImage image = ImageIO.read(png.toFile());
        var root =
                DocumentBuilderFactory.newInstance()
                        .newDocumentBuilder()
                        .parse(svg.toFile())
                        .getDocumentElement();
        assertThat(root.getAttribute("width")).isEqualTo(String.valueOf(image.getWidth()));
        assertThat(root.getAttribute("height")).isEqualTo(String.valueOf(image.getHeight()));
        assertThat(root.getTextContent()).contains("A <title>", "a fact & more", "stored here 2");

        Matcher m =
                Pattern.compile("fill=\"#(\\w+)\" d=\"([^\"]+)\"").matcher(Files.readString(svg));
        int cells = 0;
        while (m.find()) {
            int rgb = Integer.parseInt(m.group(1), 16);
            if (rgb == Colours.PAPER) {
                continue;
            }
            for (String s : m.group(2).split("z")) {
                String[] xy = s.substring(1).split("[ hv]");
                int dot = image.getRGB(Integer.parseInt(xy[0]), Integer.parseInt(xy[1]));
                assertThat(dot & 0xFFFFFF).isEqualTo(rgb);
                cells++;
            }
        }
        assertThat(cells).isGreaterThan(2 * 2048);
    }

    @Test
    void otherFilesAreRefused() {
        assertThatThrownBy(() -> PageChart.checkName(Path.of("a.gif")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("a.gif")
                .hasMessageContaining(".svg");
    }

    @Test
    void everyLetterHasDots() {
        for (char c = '!'; c <= '~'; c++) {
            int n = 0;
            for (int i = 0; i < PixelFont.WIDTH * PixelFont.HEIGHT; i++) {
                n += PixelFont.dot(c, i % PixelFont.WIDTH, i / PixelFont.WIDTH) ? 1 : 0;
            }
            assertThat(n).as("%s", c).isBetween(2, 20);
        }
    }
}
