// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.device.Device;
import dev.faultline.api.device.DmaPort;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.testkit.HangGuard;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Handlers are told whole accesses, and each of them: length, kinds, what lies on other pages; and
 * STEP opens that access only. On a real engine in real mode, in both styles.
 */
@ParameterizedClass
@ValueSource(strings = {"coded", "thrown"})
class ToldAccessTest {
    private static final int CODE = 0x8000;
    private static final int A = 0x5000;
    private static final int CLOSED = 0x3000;
    private static final Duration LONG = Duration.ofMinutes(5);

    private final RealServices services = new RealServices();
    private final List<String> asked = new CopyOnWriteArrayList<>();
    private final PcMachine machine;
    private final VcpuContext v;

    ToldAccessTest(String style) throws Exception {
        machine =
                PcMachine.create(
                        new MachineConfig("test", 4 << 20, 1, "interpreter", style, List.of()),
                        services);
        v = (VcpuContext) machine.vcpus().get(0);
    }

    @AfterEach
    void close() {
        machine.close();
    }

    private void put(int gpa, String hex) {
        byte[] b = HexFormat.of().parseHex(hex.replace(" ", ""));
        HostBytes.copyIn(b, 0, machine.memory().hvaOf(gpa), b.length);
    }

    private String get(int gpa, int bytes) {
        byte[] b = new byte[bytes];
        HostBytes.copyOut(machine.memory().hvaOf(gpa), b, 0, bytes);
        return HexFormat.of().formatHex(b);
    }

    private void enter(String code) {
        put(CODE, code + "f4");
        v.segSel[1] = 0;
        v.segBase[1] = 0;
        v.rip = CODE;
        v.gpr[4] = 0x4000;
        v.recompute();
        machine.start();
    }

    private void halts(String code) throws InterruptedException {
        enter(code);
        assertThat(machine.await(LONG)).isInstanceOf(VcpuExit.PoweredOff.class);
    }

    private static String text(PageFault f) {
        String whole =
                f.accessLength() == f.length()
                        ? ""
                        : " of %d@%d".formatted(f.accessLength(), f.accessOffset());
        return "%s%x+%d%s"
                .formatted(
                        Rights.toString(f.access()).replace("-", ""), f.gpa(), f.length(), whole);
    }

    private ProtectionLayer closed(int rights) {
        return closed(A, CLOSED, rights);
    }

    private ProtectionLayer closed(int gpa, int size, int rights) {
        FaultHandler h =
                (m, f) -> {
                    asked.add(text(f));
                    return Resolution.STEP;
                };
        ProtectionLayer l = machine.protection().addLayer("closed", h);
        l.protect(gpa, size, rights);
        return l;
    }

    /** Registers hold 32 bits: si 5100, di 5200, bx 5300, bp 5400 (in SS, base 0), cx 1. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "mov al,[bx]            | 8a07           | R5300+1",
                "mov eax,[bx]           | 668b07         | R5300+4",
                "mov [bx+1],ax          | 894701         | W5301+2",
                "add [bx],eax           | 660107         | RW5300+4",
                "lock xadd [bx],eax     | f0660fc107     | RW5300+4",
                "xchg [bx],al           | 8607           | RW5300+1",
                "cmpxchg8b [bx]         | 0fc70f         | RW5300+8",
                "bts word [bx],3        | 0fba2f03       | RW5300+2",
                "bt word [bx],3         | 0fba2703       | R5300+2",
                "not byte [bx]          | f617           | RW5300+1",
                "movsd                  | 66a5           | R5100+4 W5200+4",
                "cmpsd                  | 66a7           | R5200+4 R5100+4",
                "rep movsw, two of them | b90200 f3a5    | R5100+2 W5200+2 R5102+2 W5202+2",
                "rep stosd              | f366ab         | W5200+4",
                "lodsb                  | ac             | R5100+1",
                "scasw                  | af             | R5200+2",
                "les ax,[bx]            | c407           | R5300+4",
                "push dword [bx]        | 66ff37         | R5300+4",
                "pop dword [bx]         | 668f07         | W5300+4",
                "fstp tword [bx]        | dbe3 d9ee db3f | W5300+10",
                "fnsave [bx]            | dd37           | W5300+94",
                "frstor [bx]            | dd27           | R5300+94",
                "fst qword [bx]         | dbe3 d9ee dd17 | W5300+8",
                "sgdt [bx]              | 0f0107         | W5300+6",
                "bound ax,[bx]          | 6207           | R5300+2 R5302+2",
                "mov [5ffe],eax         | 66a3fe5f       | W5ffe+2 of 4@0 W6000+2 of 4@2",
                "add [5ffd],eax         | 660106fd5f     | RW5ffd+3 of 4@0 RW6000+1 of 4@3",
                "fnsave [5fc0]          | dd36c05f       | W5fc0+64 of 94@0 W6000+30 of 94@64",
            })
    void closedForEverything(String what, String code, String told) throws Exception {
        closed(Rights.NONE);
        halts("be0051 bf0052 bb0053 b90100" + code);
        assertThat(String.join(" ", asked)).isEqualTo(told);
    }

    @Test
    void twoReadsThatOverlapAreTwoAccesses() throws Exception {
        closed(Rights.NONE);
        halts("be0151 bf0051 a7"); // cmpsw: [di] 5100..5101, then [si] 5101..5102
        assertThat(asked).containsExactly("R5100+2", "R5101+2");
    }

    @ParameterizedTest
    @ValueSource(ints = {Rights.RX, Rights.W | Rights.X})
    void theHalfThatIsOpenIsToldAllTheSame(int open) throws Exception {
        closed(open);
        halts("bb0053 f0660fc107"); // lock xadd [bx],eax
        assertThat(asked).containsExactly("RW5300+4");
    }

    @Test
    void theStackOfPushaIsToldPushByPush() throws Exception {
        closed(0x3000, 0x1000, Rights.NONE);
        halts("60"); // pusha, sp 4000
        assertThat(asked).hasSize(8).startsWith("W3ffe+2", "W3ffc+2").endsWith("W3ff0+2");
    }

    @Test
    void enterTellsItsFramePointers() throws Exception {
        closed(0x3000, 0x2000, Rights.NONE);
        halts("bd0041 c8080003"); // mov bp,4100; enter 8,3
        assertThat(asked)
                .containsExactly(
                        "W3ffe+2", "R40fe+2", "W3ffc+2", "R40fc+2", "W3ffa+2", "W3ff8+2",
                        "W3ff0+2");
    }

    @Test
    void aFetchTellsTheInstruction() throws Exception {
        put(0x6FF0, "90 90 ea fd6f0000"); // nop; nop; jmp 0:6ffd
        put(0x6FFD, "b83412 40 66b878563412 f4"); // mov ax,1234; inc ax; mov eax,12345678; hlt
        closed(0x6000, 0x2000, Rights.RW);
        halts("ea f06f0000");
        assertThat(asked)
                .containsExactly(
                        "X6ff0+1", "X6ff1+1", "X6ff2+5", "X6ffd+3", "X7000+1", "X7001+6",
                        "X7007+1");
    }

    @Test
    void anInstructionThatCrossesPagesIsToldInTwoParts() throws Exception {
        put(0x6FFD, "66b878563412 f4"); // mov eax,12345678; hlt
        closed(0x6000, 0x2000, Rights.RW);
        halts("ea fd6f0000");
        assertThat(asked).containsExactly("X6ffd+3 of 4@0", "X7000+3 of 6@3", "X7003+1");
        assertThat(v.gpr[0] & 0xFFFF_FFFFL).isEqualTo(0x1234_5678);
    }

    @Test
    void aRangeIsMetByAnAccessThatReachesIntoIt() throws Exception {
        machine.protection().userLayer().protect(A, 1, Rights.NONE);
        services.handlers.put(
                (m, f) -> {
                    asked.add("range " + text(f));
                    return Resolution.PASS;
                },
                Map.of(
                        FaultHandler.GPA_START,
                        0x5008L,
                        FaultHandler.GPA_SIZE,
                        8L,
                        FaultHandler.ACCESS_MASK,
                        Rights.R,
                        "service.ranking",
                        1));
        services.handlers.put(
                (m, f) -> {
                    asked.add("all " + text(f));
                    return Resolution.STEP;
                },
                Map.of());
        // mov eax,[5004]; mov eax,[5005]; add [5005],eax; mov [5008],eax; mov al,[500f]; ..[5010]
        halts("66a10450 66a10550 6601060550 66a30850 a00f50 a01050");
        assertThat(asked)
                .containsExactly(
                        "all R5004+4",
                        "range R5005+4",
                        "all R5005+4",
                        "range RW5005+4",
                        "all RW5005+4",
                        "all W5008+4",
                        "range R500f+1",
                        "all R500f+1",
                        "all R5010+1");
    }

    @Test
    void discardDropsThatWriteOnly() throws Exception {
        machine.protection()
                .addLayer(
                        "drop",
                        (m, f) -> {
                            asked.add(text(f));
                            return asked.size() == 1 ? Resolution.DISCARD : Resolution.STEP;
                        })
                .protect(0x3000, 1, Rights.R);
        put(0x3FF0, "1111 2222 3333 4444 5555 6666 7777 8888");
        halts("60");
        assertThat(asked).hasSize(8);
        assertThat(get(0x3FFE, 2)).as("ax").isEqualTo("8888");
        assertThat(get(0x3FFC, 2)).as("cx").isEqualTo("0000");
    }

    @Test
    void aDevicesRequestIsToldPageByPage() throws Exception {
        closed(Rights.NONE);
        byte[] got = new byte[0x1100];
        CountDownLatch done = new CountDownLatch(1);
        DmaPort[] port = new DmaPort[1];
        Runnable request =
                () -> {
                    if (port[0].read(0x5F80, got, 0, got.length) == got.length) {
                        done.countDown();
                    }
                };
        Device device = () -> "dma";
        port[0] = services.fakes.chips.board.dma(device, request);
        enter("ebfe");
        request.run();
        HangGuard.await(done, "event done");
        assertThat(asked)
                .containsExactly(
                        "R5f80+128 of 4352@0", "R6000+4096 of 4352@128", "R7000+128 of 4352@4224");
    }
}
