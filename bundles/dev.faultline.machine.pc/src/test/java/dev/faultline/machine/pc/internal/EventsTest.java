// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.testkit.HangGuard;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Flight recorder events: what they say, and that they are off unless asked for. */
class EventsTest {
    private static final List<String> ALL =
            Stream.of("Fault", "Handler", "Protect", "Swap", "Exit")
                    .map(n -> "faultline." + n)
                    .toList();

    @TempDir Path folder;

    private static void runAGuest() throws Exception {
        MachineConfig c =
                new MachineConfig("recorded", 4 << 20, 1, "interpreter", "coded", List.of());
        try (PcMachine m = PcMachine.create(c, new RealServices())) {
            byte[] code = HexFormat.of().parseHex("a30050f4"); // mov [5000],ax; hlt
            HostBytes.copyIn(code, 0, m.memory().hvaOf(0x8000), code.length);
            VcpuContext v = (VcpuContext) m.vcpus().get(0);
            v.segSel[1] = 0;
            v.segBase[1] = 0;
            v.rip = 0x8000;
            v.recompute();
            ProtectionLayer l = m.protection().addLayer("watched", (name, f) -> Resolution.STEP);
            l.protect(0x5000, 0x1000, Rights.RX);
            m.swapFaultStyle("thrown");
            m.start();
            assertThat(HangGuard.await(m)).isInstanceOf(VcpuExit.PoweredOff.class);
        }
    }

    private List<RecordedEvent> record(boolean on) throws Exception {
        Path file = folder.resolve(on + ".jfr");
        try (jdk.jfr.Recording r = new jdk.jfr.Recording()) {
            if (on) {
                ALL.forEach(r::enable);
            }
            r.start();
            runAGuest();
            r.stop();
            r.dump(file);
        }
        return RecordingFile.readAllEvents(file).stream()
                .filter(e -> e.getEventType().getName().startsWith("faultline."))
                .toList();
    }

    @Test
    void nothingIsRecordedUnlessAskedFor() throws Exception {
        assertThat(record(false)).isEmpty();
    }

    @Test
    void everyKindIsRecorded() throws Exception {
        List<RecordedEvent> events = record(true);
        assertThat(events)
                .extracting(e -> e.getEventType().getName())
                .containsOnlyOnceElementsOf(ALL);
        RecordedEvent fault = named(events, "faultline.Fault");
        assertThat(fault.getLong("gpa")).isEqualTo(0x5000);
        assertThat(fault.getString("access")).isEqualTo(Rights.toString(Rights.W));
        assertThat(fault.getString("answer")).isEqualTo("RETRY");
        assertThat(named(events, "faultline.Handler").getString("answer")).isEqualTo("STEP");
        assertThat(named(events, "faultline.Handler").getString("handler")).contains("watched");
        assertThat(named(events, "faultline.Protect").getString("layer")).isEqualTo("watched");
        assertThat(named(events, "faultline.Swap").getString("to")).isEqualTo("thrown");
        assertThat(named(events, "faultline.Exit").getString("exit")).contains("PoweredOff");
    }

    private static RecordedEvent named(List<RecordedEvent> events, String name) {
        return events.stream()
                .filter(e -> e.getEventType().getName().equals(name))
                .findFirst()
                .orElseThrow();
    }
}
