#pragma once

#include <cstdint>

namespace prodsim {

/// What an event does: call a member function on an object with one word. 24 bytes, trivially
/// copyable, never allocates. `word` is whatever the member function needs: a pointer or a number.
struct Action {
    using Function = void (*)(void* object, std::uint64_t word);

    Function function = nullptr;
    void* object = nullptr;
    std::uint64_t word = 0;

    void operator()() const { function(object, word); }

    /// The same action for another word: a part keeps its callback and says whom it is about.
    void operator()(std::uint64_t about) const { function(object, about); }
};

namespace detail {

template <class Member>
struct MemberOf;

template <class Object>
struct MemberOf<void (Object::*)()> {
    using Type = Object;
    template <void (Object::*member)()>
    static void call(void* object, std::uint64_t) {
        (static_cast<Object*>(object)->*member)();
    }
    static std::uint64_t pack() { return 0; }
};

template <class Object, class Argument>
struct MemberOf<void (Object::*)(Argument&)> {
    using Type = Object;
    template <void (Object::*member)(Argument&)>
    static void call(void* object, std::uint64_t word) {
        (static_cast<Object*>(object)->*member)(*reinterpret_cast<Argument*>(word));
    }
    static std::uint64_t pack(Argument& argument) {
        return reinterpret_cast<std::uint64_t>(&argument);
    }
    static std::uint64_t pack() { return 0; }
};

template <class Object>
struct MemberOf<void (Object::*)(std::uint64_t)> {
    using Type = Object;
    template <void (Object::*member)(std::uint64_t)>
    static void call(void* object, std::uint64_t word) {
        (static_cast<Object*>(object)->*member)(word);
    }
    static std::uint64_t pack(std::uint64_t word = 0) { return word; }
};

}  // namespace detail

/// Reads as the call that it will cause: `action<&Service::finish>(*this, job)`. The member takes
/// nothing, one reference or one 64-bit word.
template <auto member, class Object, class... Word>
Action action(Object& object, Word&... word) {
    using Member = detail::MemberOf<decltype(member)>;
    typename Member::Type& target = object;
    return {&Member::template call<member>, &target, Member::pack(word...)};
}

/// The same for a word that is a number.
template <auto member, class Object>
Action action_with(Object& object, std::uint64_t word) {
    using Member = detail::MemberOf<decltype(member)>;
    typename Member::Type& target = object;
    return {&Member::template call<member>, &target, word};
}

}  // namespace prodsim
