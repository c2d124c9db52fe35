// SPDX-License-Identifier: Apache-2.0
package org.example.watchpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.Rights;
import dev.faultline.testkit.FakeMachine;
import java.awt.image.BufferedImage;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WatchTest {
    @TempDir Path scratch;

    @Test
    void itCountsAndLogsAccessesToItsRangeOnly() throws Exception {
        Path file = scratch.resolve("log");
        try (FakeMachine fake = new FakeMachine(8);
                AccessLog log = new AccessLog(file, 2)) {
            Watch watch = new Watch(fake.machine(), 0x2000, 0x2000, Rights.RW, log);
            assertThat(fake.access(0x1FF8, Rights.R)).as("below the range").isNull();
            assertThat(fake.access(0x2008, Rights.X)).as("not watched").isNull();
            assertThat(fake.access(0x2008, Rights.R)).isEqualTo(Resolution.STEP);
            assertThat(fake.access(0x2010, Rights.W)).isEqualTo(Resolution.STEP);
            assertThat(fake.access(0x3000, Rights.W)).isEqualTo(Resolution.STEP);
            assertThat(watch.map().counted(2, Rights.R)).isEqualTo(1);
            assertThat(watch.map().counted(2, Rights.W)).isEqualTo(1);
            assertThat(watch.map().counted(3, Rights.W)).isEqualTo(1);
            assertThat(watch.map().text())
                    .contains("0x0000000000002000          1          1          0");

            watch.close();
            assertThat(fake.layerOpen()).isFalse();
        }
        assertThat(Files.readAllLines(file)).hasSize(3).last().isEqualTo("limit reached");
        assertThat(Files.readString(file)).contains("vm vcpu 0 DATA R-- of gpa 0x2008");
    }

    @Test
    void aRangeOutsideRamLeavesNothingBehind() throws Exception {
        try (FakeMachine fake = new FakeMachine(2);
                AccessLog log = new AccessLog(null, 1)) {
            assertThatThrownBy(() -> new Watch(fake.machine(), 0x1000, 0x2000, Rights.R, log))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(fake.layerOpen()).isFalse();
        }
    }

    @Test
    void thePictureIsBrightWhereAccessesWere() throws Exception {
        HeatMap map = new HeatMap(0x100, 9);
        map.count(0x104, Rights.W);
        Path file = scratch.resolve("heat.png");
        map.write(file);
        BufferedImage image = ImageIO.read(file.toFile());
        assertThat(image.getWidth()).isEqualTo(3 * 8);
        assertThat(image.getRGB(12, 12) & 0xFFFFFF).isEqualTo(64 << 16);
        assertThat(image.getRGB(0, 0) & 0xFFFFFF).isZero();
    }

    @Test
    void lettersOfAnotherKindAreRefused() {
        assertThat(WatchpointListener.rights("wx")).isEqualTo(Rights.W | Rights.X);
        assertThatThrownBy(() -> WatchpointListener.rights("rq")).hasMessageContaining("access=rq");
        assertThatThrownBy(() -> WatchpointListener.rights(""))
                .hasMessageContaining("at least one");
    }
}
