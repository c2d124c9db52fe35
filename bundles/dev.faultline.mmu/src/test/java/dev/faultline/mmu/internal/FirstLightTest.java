// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static dev.faultline.api.mmu.Mmu.*;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FirstLightTest {
    @Test
    void unpagedLinearIsPhysical() {
        try (Rig r = new Rig()) {
            assertThat(r.fill(0x1234, READ)).isEqualTo(r.base + 0x1234);
            assertThat(r.readHit(0x1238)).isEqualTo(r.base + 0x1238);
            assertThat(r.writeHit(0x1238)).isEqualTo(r.base + 0x1238);
            assertThat(r.fetchHit(0x1238)).isEqualTo(-1);
            assertThat(r.fill(0x1234, FETCH)).isEqualTo(r.base + 0x1234);
            assertThat(r.fetchHit(0x1238)).isEqualTo(r.base + 0x1238);
            assertThat(r.mmu.mappedPages()).isEqualTo(1);
        }
    }

    @Test
    void fourLevelWalkSetsAccessedAndDirty() {
        try (Rig r = new Rig().longMode(0x1000)) {
            r.put64(0x1000 + 0x1FF * 8, 0x2003);
            r.put64(0x2000 + 0x1FE * 8, 0x3003);
            r.put64(0x3000 + 8, 0x4003);
            r.put64(0x4000 + 16, 0x5003);
            long lin = 0xFFFF_FFFF_8020_2ABCL;
            assertThat(r.fill(lin, READ)).isEqualTo(r.base + 0x5ABC);
            assertThat(r.get64(0x1FF8)).isEqualTo(0x2023);
            assertThat(r.get64(0x2FF0)).isEqualTo(0x3023);
            assertThat(r.get64(0x3008)).isEqualTo(0x4023);
            assertThat(r.get64(0x4010)).isEqualTo(0x5023);
            assertThat(r.readHit(lin)).isEqualTo(r.base + 0x5ABC);
            assertThat(r.writeHit(lin)).isEqualTo(-1);
            assertThat(r.fill(lin, WRITE)).isEqualTo(r.base + 0x5ABC);
            assertThat(r.get64(0x4010)).isEqualTo(0x5063);
            assertThat(r.writeHit(lin)).isEqualTo(r.base + 0x5ABC);
            assertThat(r.mmu.query(r.v, lin)).isEqualTo(0x5ABC);
        }
    }
}
