// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static dev.faultline.api.cpu.Gpr.RAX;
import static dev.faultline.api.cpu.Gpr.RBX;
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
import dev.faultline.machine.pc.internal.board.PcBoard;
import dev.faultline.machine.pc.internal.fault.FaultPolicy;
import dev.faultline.machine.pc.internal.fault.FaultSlot;
import dev.faultline.testkit.HangGuard;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/** What fault handlers may answer, on a real engine in real mode, in both styles. */
@ParameterizedClass
@ValueSource(strings = {"coded", "thrown"})
class HandlerAnswersTest {
    private static final int CODE = 0x8000;
    private static final int A = 0x5000;
    private static final int B = 0x6000;
    private static final Duration LONG = HangGuard.limit();

    private final RealServices services = new RealServices();
    private final List<String> asked = new ArrayList<>();
    private final PcMachine machine;
    private final VcpuContext v;

    HandlerAnswersTest(String style) throws Exception {
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

    // ---- guest

    private void put(int gpa, String hex) {
        byte[] b = HexFormat.of().parseHex(hex.replace(" ", ""));
        HostBytes.copyIn(b, 0, machine.memory().hvaOf(gpa), b.length);
    }

    private String get(int gpa, int bytes) {
        byte[] b = new byte[bytes];
        HostBytes.copyOut(machine.memory().hvaOf(gpa), b, 0, bytes);
        return HexFormat.of().formatHex(b);
    }

    /** Runs real-mode code with flat data segments until it halts; HLT is added. */
    private VcpuExit run(String code) throws InterruptedException {
        enter(code + "f4");
        return machine.await(LONG);
    }

    private void enter(String code) {
        put(CODE, code);
        v.segSel[1] = 0;
        v.segBase[1] = 0;
        v.rip = CODE;
        v.gpr[4] = 0x4000;
        v.recompute();
        machine.start();
    }

    private void halts(String code) throws InterruptedException {
        assertThat(run(code)).isInstanceOf(VcpuExit.PoweredOff.class);
    }

    private ProtectionLayer layer(String name, int gpa, int rights, FaultHandler handler) {
        ProtectionLayer l =
                machine.protection()
                        .addLayer(
                                name,
                                (m, f) -> {
                                    asked.add(name + " " + text(f));
                                    return handler.onFault(m, f);
                                });
        l.protect(gpa, 1, rights);
        return l;
    }

    private static String text(PageFault f) {
        return Rights.toString(f.access()).replace("-", "") + Long.toHexString(f.gpa());
    }

    private static FaultHandler always(Resolution r) {
        return (m, f) -> r;
    }

    // ---- STEP

    @Test
    void stepLetsOneInstructionThrough() throws Exception {
        ProtectionLayer l = layer("a", A, Rights.RX, always(Resolution.STEP));
        halts("c6060050 11  c6060150 22  a00050"); // mov [A],11; mov [A+1],22; mov al,[A]
        assertThat(asked).containsExactly("a W5000", "a W5001");
        assertThat(get(A, 2)).isEqualTo("1122");
        assertThat(v.gpr[RAX] & 0xFF).isEqualTo(0x11);
        assertThat(l.rightsOf(A >> 12)).isEqualTo(Rights.RX);
        assertThat(machine.statistics().resolvedByHandlers()).isEqualTo(2);
    }

    @Test
    void stepOverAPageCrossing() throws Exception {
        layer("a", A, Rights.RX, always(Resolution.STEP)).protect(A, 0x2000, Rights.NONE);
        halts("c706ff5f 3412"); // mov word [5fff],1234
        assertThat(asked).containsExactly("a W5fff", "a W6000");
        assertThat(get(0x5FFF, 2)).isEqualTo("3412");
    }

    @Test
    void stepOverARepetitionIsOneIteration() throws Exception {
        layer("a", A, Rights.RX, always(Resolution.STEP));
        halts("bf0050 b90300 b077 f3aa"); // di=A cx=3 al=77 rep stosb
        assertThat(asked).containsExactly("a W5000", "a W5001", "a W5002");
        assertThat(get(A, 4)).isEqualTo("77777700");
    }

    @Test
    void stepOverTwoPagesOfOneInstruction() throws Exception {
        layer("a", A, Rights.NONE, always(Resolution.STEP)).protect(A, 0x2000, Rights.NONE);
        put(A, "abcd");
        halts("be0050 bf0060 a5 a5"); // movsw twice
        assertThat(asked).containsExactly("a R5000", "a W6000", "a R5002", "a W6002");
        assertThat(get(B, 4)).isEqualTo("abcd0000");
    }

    @Test
    void stepOverAFetchAndIntoDecodedCode() throws Exception {
        layer("a", B, Rights.RW, always(Resolution.STEP));
        put(B, "40 40 ea 07800000"); // inc ax; inc ax; jmp 0:800a
        halts("31c0 ea 00600000"); // xor ax,ax; jmp 0:B
        assertThat(asked).containsExactly("a X6000", "a X6001", "a X6002");
        assertThat(v.gpr[RAX] & 0xFFFF).isEqualTo(2);
    }

    @Test
    void aSteppedWriteChangesTheNextInstruction() throws Exception {
        layer("a", CODE, Rights.RX, always(Resolution.STEP));
        halts("c6060680 42 b000"); // mov byte [8006],42; mov al,0 (the immediate is at 8006)
        assertThat(v.gpr[RAX] & 0xFF).isEqualTo(0x42);
    }

    @Test
    void consentIsPerLayer() throws Exception {
        layer("a", A, Rights.RX, always(Resolution.STEP));
        ProtectionLayer[] b = new ProtectionLayer[1];
        b[0] =
                layer(
                        "b",
                        A,
                        Rights.R,
                        (m, f) -> {
                            b[0].protectPage(f.gfn(), Rights.RWX);
                            return Resolution.RETRY;
                        });
        halts("c6060050 11 c6060050 12");
        assertThat(asked).containsExactly("a W5000", "b W5000", "a W5000");
        assertThat(get(A, 1)).isEqualTo("12");
    }

    @Test
    void stepOfOneLayerDoesNotOpenAnothers() throws Exception {
        layer("a", A, Rights.RX, always(Resolution.STEP));
        layer("b", A, Rights.RX, always(Resolution.PASS));
        assertThat(run("c6060050 11")).isInstanceOf(VcpuExit.Fault.class);
        assertThat(get(A, 1)).isEqualTo("00");
        assertThat(v.rip).isEqualTo(CODE);
    }

    @Test
    void theWhiteboardMayStepForTheUser() throws Exception {
        services.handlers.put(always(Resolution.STEP), Map.of());
        machine.protection().userLayer().protect(A, 1, Rights.NONE);
        halts("ff060050 ff060050"); // inc word [A] twice
        assertThat(get(A, 2)).isEqualTo("0200");
        assertThat(machine.protection().rightsOf(A >> 12)).isEqualTo(Rights.NONE);
        assertThat(machine.statistics().faults()).isEqualTo(2);
    }

    // ---- SUPPLY and DISCARD

    @Test
    void supplyAnswersAReadAndLeavesMemory() throws Exception {
        put(A, "aabb");
        layer("a", A, Rights.NONE, always(Resolution.supply((byte) 0x34, (byte) 0x12)));
        halts("a10050 8b1e0050"); // mov ax,[A]; mov bx,[A]
        assertThat(asked).containsExactly("a R5000", "a R5000");
        assertThat(v.gpr[RAX] & 0xFFFF).isEqualTo(0x1234);
        assertThat(v.gpr[RBX] & 0xFFFF).isEqualTo(0x1234);
        assertThat(get(A, 2)).isEqualTo("aabb");
    }

    @Test
    void suppliedBytesThatEndEarlyAreFollowedByZeros() throws Exception {
        put(A, "aabbccdd");
        layer("a", A, Rights.NONE, always(Resolution.supply((byte) 0x34)));
        halts("66a10050"); // mov eax,[A]
        assertThat(v.gpr[RAX] & 0xFFFFFFFFL).isEqualTo(0x34);
    }

    @Test
    void supplyToAReadModifyWriteThatMayWrite() throws Exception {
        put(A, "0100");
        layer("a", A, Rights.W, always(Resolution.supply((byte) 0x10, (byte) 0)));
        halts("ff060050"); // inc word [A]
        assertThat(asked).containsExactly("a RW5000");
        assertThat(get(A, 2)).isEqualTo("1100");
    }

    @Test
    void discardDropsAWriteAndLeavesMemory() throws Exception {
        put(A, "aabb");
        layer("a", A, Rights.RX, always(Resolution.DISCARD));
        halts("c7060050 3412 a10050 ff060050"); // mov word; mov ax,[A]; inc word [A]
        assertThat(asked).containsExactly("a W5000", "a RW5000");
        assertThat(v.gpr[RAX] & 0xFFFF).isEqualTo(0xBBAA);
        assertThat(get(A, 2)).isEqualTo("aabb");
    }

    @Test
    void aReadModifyWriteOfADivertedDevice() throws Exception {
        layer(
                "a",
                A,
                Rights.NONE,
                (m, f) ->
                        (f.access() & Rights.W) != 0
                                ? Resolution.DISCARD
                                : Resolution.supply((byte) 7));
        put(A, "99");
        halts("8006005003 9c 58"); // add byte [A],3; pushf; pop ax
        assertThat(asked).containsExactly("a RW5000", "a R5000");
        assertThat(get(A, 1)).isEqualTo("99");
        assertThat(v.gpr[RAX] & 0x8D5).isEqualTo(4); // 7 + 3 = 0x0a: PF
    }

    @Test
    void supplyAnswersAFetch() throws Exception {
        byte[] code = HexFormat.of().parseHex("b80700f4"); // mov ax,7; hlt
        layer(
                "a",
                B,
                Rights.RW,
                (m, f) -> Resolution.supply(Arrays.copyOfRange(code, (int) f.gpa() - B, 4)));
        put(B, "cccccccc");
        halts("ea 00600000"); // jmp 0:B
        assertThat(v.gpr[RAX] & 0xFFFF).isEqualTo(7);
        assertThat(asked).containsExactly("a X6000", "a X6003");
    }

    @Test
    void repetitionFromASuppliedPage() throws Exception {
        layer("a", A, Rights.NONE, (m, f) -> Resolution.supply((byte) (f.gpa() + 1)));
        halts("be0050 bf0060 b90300 f3a4"); // rep movsb
        assertThat(get(B, 4)).isEqualTo("01020300");
    }

    // ---- INJECT and STOP

    @Test
    void injectRaisesAnExceptionAtTheInstruction() throws Exception {
        layer("a", A, Rights.NONE, always(Resolution.inject(6)));
        put(6 * 4, "00900000"); // #UD: 0:9000
        put(0x9000, "5b f4"); // pop bx (the return offset); hlt
        halts("90 a10050");
        assertThat(v.gpr[RBX] & 0xFFFF).isEqualTo(CODE + 1);
    }

    @Test
    void injectedPageFaultSetsCr2() throws Exception {
        layer("a", A, Rights.NONE, always(Resolution.inject(14, 2)));
        put(14 * 4, "00900000");
        put(0x9000, "f4");
        halts("a10250");
        assertThat(v.cr2).isEqualTo(A + 2);
    }

    @Test
    void stopIsTheExit() throws Exception {
        layer("a", A, Rights.NONE, always(Resolution.STOP));
        services.handlers.put(always(Resolution.RETRY), Map.of());
        VcpuExit exit = run("a10050");
        assertThat(((VcpuExit.Fault) exit).reason()).isEqualTo(VcpuExit.Fault.UNRESOLVED);
        assertThat(v.instructions).isZero();
    }

    @Test
    void aHandlerSaysWhyItStops() throws Exception {
        layer("a", A, Rights.NONE, always(Resolution.stop("the library is closed")));
        VcpuExit exit = run("a10050");
        assertThat(((VcpuExit.Fault) exit).reason()).isEqualTo("the library is closed");
    }

    @Test
    void resumingAStoppedStepAsksAgain() throws Exception {
        Resolution[] answer = {Resolution.STEP, Resolution.STOP, Resolution.STEP, Resolution.STEP};
        int[] n = {0};
        layer("a", A, Rights.NONE, (m, f) -> answer[n[0]++]).protect(B, 1, Rights.NONE);
        assertThat(run("c706ff5f 3412")).isInstanceOf(VcpuExit.Fault.class);
        assertThat(get(0x5FFF, 2)).isEqualTo("0000");
        machine.start();
        assertThat(machine.await(LONG)).isInstanceOf(VcpuExit.PoweredOff.class);
        assertThat(asked).containsExactly("a W5fff", "a W6000", "a W5fff", "a W6000");
        assertThat(get(0x5FFF, 2)).isEqualTo("3412");
    }

    // ---- delivery of events

    @Test
    void stepLetsADeliveryThroughAndNoMore() throws Exception {
        layer("a", 0, Rights.NONE, always(Resolution.STEP)).protect(0x3000, 1, Rights.NONE);
        put(6 * 4, "00900000"); // #UD: 0:9000
        put(0x9000, "58 f4"); // pop ax; hlt
        halts("0f0b"); // ud2
        assertThat(asked.getLast())
                .isEqualTo("a R3ffa"); // the handler's pop is an instruction of its own
        assertThat(asked).hasSizeBetween(3, 6).anyMatch(s -> s.startsWith("a W3ff"));
        assertThat(v.gpr[RAX] & 0xFFFF).isEqualTo(CODE);
    }

    @Test
    void anExceptionInjectedIntoADeliveryFollowsTheDoubleFaultRules() throws Exception {
        boolean[] first = {true};
        layer(
                "a",
                0x3000,
                Rights.RX,
                (m, f) -> {
                    boolean was = first[0];
                    first[0] = false;
                    return was ? Resolution.inject(13, 0) : Resolution.STEP;
                });
        put(10 * 4, "00900000");
        put(13 * 4, "00900000");
        put(8 * 4, "00a00000"); // #DF: 0:a000
        put(0x9000, "f4");
        put(0xA000, "b342 f4"); // mov bl,42; hlt
        layer("b", A, Rights.NONE, always(Resolution.inject(10, 0))); // #TS, contributory
        halts("a10050");
        assertThat(v.gpr[RBX] & 0xFF).isEqualTo(0x42);
    }

    // ---- handlers that misbehave

    @Test
    void answersThatDoNotFitAreFailures() throws Exception {
        layer("a", A, Rights.NONE, always(Resolution.DISCARD));
        layer("b", A, Rights.NONE, always(null));
        services.handlers.put(always(Resolution.STEP), Map.of());
        halts("a10050 a10050 a10050 a10050");
        assertThat(asked).hasSize(6); // three times each, then left out
        assertThat(machine.statistics().handlersLeftOut())
                .hasSize(2)
                .allMatch(s -> s.contains(" of layer "));
    }

    @Test
    void errorsAreContained() throws Exception {
        layer(
                "a",
                A,
                Rights.NONE,
                (m, f) -> {
                    throw new NoClassDefFoundError("gone");
                });
        assertThat(run("a10050")).isInstanceOf(VcpuExit.Fault.class);
    }

    @Test
    void aLateAnswerCountsAsPass() throws Exception {
        services.handlers.use(FaultPolicy.of(20, 3, 1000));
        layer(
                "a",
                A,
                Rights.NONE,
                (m, f) -> {
                    FaultSlot slot = machine.faults().slot(0);
                    while (slot.charged() <= 20_000_000) {
                        // clock: not all of a processor while it does so
                        LockSupport.parkNanos(1_000_000); // it blocks until it is late
                    }
                    return Resolution.STEP;
                });
        assertThat(run("a10050")).isInstanceOf(VcpuExit.Fault.class);
    }

    @Test
    void aPatientHandlerIsNotLate() throws Exception {
        services.handlers.use(FaultPolicy.of(20, 1, 1000));
        FaultHandler patient =
                new FaultHandler() {
                    @Override
                    public Resolution onFault(String name, PageFault f) {
                        try {
                            // clock: more than the deadline, however busy the host is
                            Thread.sleep(100);
                        } catch (InterruptedException e) {
                            throw new IllegalStateException(e);
                        }
                        return Resolution.STEP;
                    }

                    @Override
                    public long patienceMillis() {
                        return 60_000;
                    }
                };
        machine.protection().addLayer("a", patient).protect(A, 1, Rights.NONE);
        halts("a10050");
        assertThat(machine.statistics().handlersLeftOut()).isEmpty();
    }

    @Test
    void whatALateHandlerOpenedIsOpen() throws Exception {
        services.handlers.use(FaultPolicy.of(20, 3, 1000));
        ProtectionLayer[] l = new ProtectionLayer[1];
        l[0] =
                layer(
                        "a",
                        A,
                        Rights.NONE,
                        (m, f) -> {
                            l[0].protectPage(f.gfn(), Rights.RWX);
                            try {
                                // clock: more than the deadline, however busy the host is
                                Thread.sleep(100);
                            } catch (InterruptedException e) {
                                throw new IllegalStateException(e);
                            }
                            return Resolution.RETRY;
                        });
        halts("a10050");
    }

    /**
     * It stands for longer than the deadline; the rest of it may take as long as a busy host makes
     * it, so that the deadline grows until it does not matter.
     */
    @Test
    void quiescingIsNotLate() throws Exception {
        long[] deadline = {50};
        layer(
                "a",
                A,
                Rights.NONE,
                (m, f) -> {
                    machine.quiesce(() -> {
                        try {
                            // clock: more than the deadline
                            Thread.sleep(deadline[0] + 50);
                        } catch (InterruptedException e) {
                            throw new IllegalStateException(e);
                        }
                    });
                    return Resolution.STEP;
                });
        VcpuExit exit;
        do {
            services.handlers.use(FaultPolicy.of(deadline[0], 100, 1000));
            exit = run("a10050");
            deadline[0] *= 3;
        } while (!(exit instanceof VcpuExit.PoweredOff) && deadline[0] < 60_000);
        assertThat(exit).isInstanceOf(VcpuExit.PoweredOff.class);
    }

    @Test
    void livelockStopsTheMachine() throws Exception {
        layer("a", A, Rights.NONE, always(Resolution.RETRY));
        VcpuExit exit = run("a10050");
        assertThat(((VcpuExit.Fault) exit).reason()).contains("livelock").contains("1001");
        assertThat(((VcpuExit.Fault) exit).fault().gpa()).isEqualTo(A);
        assertThat(asked).hasSize(1000);
    }

    /** A timer's interrupt is due at every attempt. */
    @Test
    void livelockOfAGuestWithATimerStopsTheMachine() throws Exception {
        put(0x20 * 4, "00900000"); // 0:9000
        put(0x9000, "43 cf"); // inc bx; iret
        layer(
                "a",
                A,
                Rights.NONE,
                (m, f) -> {
                    services.fakes.chips.raise(0x20);
                    return Resolution.RETRY;
                });
        VcpuExit exit = run("fb 90 a10050"); // sti; nop; mov ax,[A]
        assertThat(((VcpuExit.Fault) exit).reason()).contains("livelock").contains("1001");
        assertThat(asked).hasSize(1000);
    }

    /** The interrupt that waited for the instruction comes after it. */
    @Test
    void anInterruptComesAfterTheInstructionThatIsTriedAgain() throws Exception {
        put(0x20 * 4, "00900000");
        put(0x9000, "89c3 fa f4"); // mov bx,ax; cli; hlt
        put(A, "3412");
        ProtectionLayer[] l = new ProtectionLayer[1];
        l[0] =
                layer(
                        "a",
                        A,
                        Rights.NONE,
                        (m, f) -> {
                            l[0].protectPage(f.gfn(), Rights.RWX);
                            services.fakes.chips.raise(0x20);
                            return Resolution.RETRY;
                        });
        halts("fb 90 a10050 ebfe"); // sti; nop; mov ax,[A]; jmp $
        assertThat(v.gpr[RBX] & 0xFFFF).isEqualTo(0x1234);
    }

    @Test
    void latenciesAreCounted() throws Exception {
        layer("a", A, Rights.RX, always(Resolution.STEP));
        halts("bf0050 b90001 b077 f3aa");
        assertThat(machine.statistics().faultLatency().stream().mapToLong(Long::longValue).sum())
                .isEqualTo(0x100);
        assertThat(machine.statistics().faultLatencyNanos(0.5)).isPositive();
    }

    // ---- devices

    @Test
    void devicesGetTheSameAnswers() throws Exception {
        put(A, "aabb");
        layer("a", A, Rights.NONE, always(Resolution.supply((byte) 1, (byte) 2)));
        layer("b", B, Rights.R, always(Resolution.DISCARD));
        layer("c", 0x7000, Rights.NONE, always(Resolution.STEP));
        byte[] got = new byte[2];
        CountDownLatch done = new CountDownLatch(1);
        Device device = () -> "dma";
        DmaPort[] port = new DmaPort[1];
        Runnable request =
                () -> {
                    if (port[0].read(A, got, 0, 2) == 2
                            && port[0].write(B, got, 0, 2) == 2
                            && port[0].write(0x7000, got, 0, 2) == 2) {
                        done.countDown();
                    }
                };
        port[0] = services.fakes.chips.board.dma(device, request);
        enter("ebfe"); // devices are served while the guest runs
        request.run();
        HangGuard.await(done, "event done");
        assertThat(got).containsExactly(1, 2);
        assertThat(get(A, 2)).isEqualTo("aabb");
        assertThat(get(B, 2)).isEqualTo("0000");
        assertThat(get(0x7000, 2)).isEqualTo("0102");
        assertThat(asked).containsExactly("a R5000", "b W6000", "c W7000");
        // Under the device's lock: its kick, and with it the answers' validity, has ended.
        synchronized (((PcBoard) services.fakes.chips.board).monitor(device)) {
            assertThat(port[0].read(A, got, 0, 2)).isEqualTo(DmaPort.FAULTED);
        }
    }
}
