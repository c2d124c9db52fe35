// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.address.Page;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VcpuContextTest {
    /** The last page of all under alignment checking has most bits of all. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void noPageIsLookedUpByWhatAnEmptyEntryHas(boolean local) {
        VcpuContext v = new VcpuContext(0);
        v.cpl = 3;
        v.cr0 |= VcpuContext.CR0_AM;
        v.eflags |= VcpuContext.AC;
        v.updateTlbKey();
        assertThat(v.tlbKey & 3).isEqualTo(3);
        for (int i = 0; i < 3000; i++) {
            assertThat(Page.MASK | v.tlbKey).isNotEqualTo(-1);
            if (local) {
                v.flushLocalTranslations();
            } else {
                v.flushTranslations();
            }
        }
    }
}
